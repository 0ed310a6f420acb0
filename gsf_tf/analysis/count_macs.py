from gsf_tf.analysis.macs_by_convention import macs_by_convention

CONVENTIONS = ("conv_linear", "paper")


def count_macs(model, input_shape=None, convention="conv_linear", batch_size=1, rules=None):
    """Counts the multiply-accumulates of a forward pass at inference, per clip.

    | part | `"conv_linear"` | `"paper"` adds |
    |---|---|---|
    | convolutions of all kinds, 1D to 3D | MACs | 1 per output element where there is a bias |
    | `Dense`, `EinsumDense`, recurrent layers | MACs | |
    | attention and `Dot` | MACs of the products | |
    | batch, layer and group normalization | | 4 per element |
    | k x k average pooling | | k + 1 per output element |
    | global average pooling | | H * W + 1 per output element |
    | `GateShift`, `GateShiftFuse` | MACs of the convolutions | their biases and normalization |
    | `GroupedSpatialTemporal` | MACs | |

    All else is free: activations, max pooling, shifts, sums and products of single elements,
    padding (a convolution counts its zeros too), the normalization of the input, the mean over
    frames, and the spatial means inside `GateShiftFuse`. So is a layer whose own weights are
    scalars or one number per channel and whose output has its input's shape: it scales. A layer of
    your own that has no weights is free too, also if it multiplies tensors: give it a rule.

    Args:
        model: Built `keras.Model`: functional, sequential or a subclass, models inside models
            included.
        input_shape: Shape of one clip (or image) without the batch axis, or the structure of
            shapes that the model takes. By default the model's own, if all its sizes are known;
            a size that the model fixes cannot be another.
        convention: `"conv_linear"` for convolutions and linear layers only, what most tools and
            papers print as FLOPs; `"paper"` for the count that gives the digits of the GSF
            paper.
        batch_size: Size of the batch axis; `num_segments` for a backbone that takes the frames of
            one clip `[T, H, W, 3]`.
        rules: Dictionary from a layer class to a callable, for layers of your own. The callable
            takes a `LayerCall` (`layer`, `input` and `output` shapes) and returns
            `(macs, what "paper" adds)` for the layer without the layers that it calls.

    Returns:
        The number of multiply-accumulates, an integer.

    Raises:
        ValueError: If a layer with weights, or a product of tensors in a functional graph, has
            no rule (all are listed), a size is not known, the
            model is not built or the convention is unknown.

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
            f"`convention` must be one of {', '.join(CONVENTIONS)}. Received: {convention!r}"
        )
    return macs_by_convention(model, input_shape, batch_size, rules)[convention]
