from collections.abc import Callable, Mapping
from typing import Any

import keras

from gsf_tf.analysis.layer_calls import LayerCall
from gsf_tf.analysis.macs_by_convention import macs_by_convention

CONVENTIONS = ("conv_linear", "paper")


def count_macs(
    model: keras.Model,
    input_shape: Any = None,
    convention: str = "conv_linear",
    batch_size: int = 1,
    rules: Mapping[type, Callable[[LayerCall], tuple[int, int]]] | None = None,
) -> int:
    """Counts the multiply-accumulates (MACs) of one forward pass at inference.

    | part | `"conv_linear"` | `"paper"` adds |
    |---|---|---|
    | convolutions of all kinds, 1D to 3D | MACs | 1 per output element if there is a bias |
    | `Dense`, `EinsumDense`, recurrent layers | MACs | |
    | attention and `Dot` | MACs of the products | |
    | batch, layer and group normalization | | 4 per element |
    | k x k average pooling | | k + 1 per output element |
    | global average pooling | | H * W + 1 per output element |
    | `GateShift`, `GateShiftFuse` | MACs of the convolutions | their biases and normalization |
    | `GroupedSpatialTemporal` | MACs | |

    Everything else counts as free: activations, max pooling, shifts, sums and products of single
    elements, padding (but a convolution counts the zeros, too), the normalization of the input, the
    mean over frames, and the spatial means inside `GateShiftFuse`. A layer that only scales is free
    as well: its own weights are scalars or one number per channel, and its output has the shape of
    its input. A custom layer without weights is free even if it multiplies tensors; pass a rule for
    it in `rules`.

    Args:
        model: Built `keras.Model`: functional, sequential or a subclass, also with models inside.
        input_shape: Shape of one clip (or image) without the batch axis, or a structure of shapes
            for a model with several inputs. By default the input shape of the model, if all its
            sizes are known. Sizes that the model fixes cannot be changed.
        convention: `"conv_linear"` counts convolutions and linear layers only, as most tools and
            papers do for FLOPs; `"paper"` reproduces the numbers of the GSF paper.
        batch_size: Size of the batch axis, at least 1. With 1, the result is per clip; for a
            backbone, whose input is the frames of one clip `[T, H, W, 3]`, pass `num_segments`.
        rules: Dictionary from a layer class to a callable, for custom layers. The callable takes a
            `LayerCall` (with the `layer` and the shapes `input` and `output`) and returns a pair:
            the MACs of the layer without those of the layers that it calls, and the number that the
            convention `"paper"` adds.

    Returns:
        The number of multiply-accumulates.

    Raises:
        ValueError: If a layer with weights, or a product of tensors in a functional graph, has no
            rule (the message lists all of them), a size is not known, the model is not built, or
            the convention is unknown.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gsf_resnet50", num_classes=174)
    gsf_tf.analysis.count_macs(model, convention="paper")  # 33399403696, the paper's 33.4 G
    ```

    Reference:
        GSF paper, column "FLOPs" of Tables 1-4 and 6-8.
    """
    if convention not in CONVENTIONS:
        raise ValueError(
            f"`convention` must be one of {', '.join(CONVENTIONS)}. "
            f"Received: convention={convention!r}"
        )
    return macs_by_convention(model, input_shape, batch_size, rules)[convention]
