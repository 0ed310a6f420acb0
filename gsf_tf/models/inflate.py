from collections.abc import Mapping
from typing import Any

import keras

from gsf_tf.layers import AttentionShift, RubiksShift2D, RubiksShift3D, TemporalLayer
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.models.rebuild import rebuild
from gsf_tf.models.segment_model import SegmentModel

FIRST_OF_A_BLOCK = "_conv2"


def inflate(
    image_model: SegmentModel,
    num_segments: int,
    attention: bool = False,
    num_classes: int | Mapping[str, int] | None = None,
    **options: Any,
) -> SegmentModel:
    """Returns a video model with the weights of a RubiksNet that was trained on images.

    Spatial shifts and all other weights are copied, temporal shifts are initialized. The linear
    layer is copied if the number of classes stays the same.

    Args:
        image_model: `SegmentModel` with `RubiksShift2D` layers, such as
            `from_preset("rubiksnet_tiny", 1000, num_segments=1)`.
        num_segments: Integer >= 1. Frames per clip of the video model.
        attention: Whether an `AttentionShift` before the first 1x1 convolution of every block
            shifts in time (RS-AQ), instead of a third row in the shifts.
        num_classes: Classes of the video model, as in `SegmentModel`; by default those of the image
            model.
        **options: Without attention, the arguments `temporal` and `temporal_initializer` of
            `RubiksShift3D`; with attention, `shift_budget` of `SegmentModel`; in both cases
            `dropout` of `SegmentModel`.

    Returns:
        A `SegmentModel` that shares no variables with `image_model`.

    Raises:
        ValueError: If the model has no `RubiksShift2D`, already has temporal layers, or an option
            does not fit the kind of shift.

    Example:

    ```python
    image_model = gsf_tf.models.from_preset("rubiksnet_tiny", num_classes=1000, num_segments=1)
    model = gsf_tf.models.inflate(image_model, num_segments=8, num_classes=174)
    ```

    Reference:
        RubiksNet paper, section 4.1, "Spatial Shift Pretraining".
    """
    shifts = find_layers(image_model, RubiksShift2D)
    temporal = find_layers(image_model, TemporalLayer)
    if not shifts or temporal:
        raise ValueError(
            "`image_model` must have `RubiksShift2D` layers and no temporal ones, as a RubiksNet "
            f"with num_segments=1. Received: {image_model.name!r} with {len(shifts)} shift layers, "
            f"{len(temporal)} temporal layers."
        )
    changes = {key: options.pop(key) for key in ("shift_budget", "dropout") if key in options}
    if attention and options:
        raise ValueError(
            "With attention, the options are `shift_budget` and `dropout`. "
            f"Received: {', '.join(options)}"
        )

    def replace(layer):
        if attention or not isinstance(layer, RubiksShift2D):
            return None
        inflated = RubiksShift3D(num_segments, **{**layer.get_config(), **options})
        return inflated, lambda: inflated.shift.assign(
            keras.ops.concatenate([inflated.shift[:1], layer.shift])
        )

    def before(layer):
        if attention and layer.name.endswith(FIRST_OF_A_BLOCK):
            return AttentionShift(
                num_segments, name=f"{layer.name}_attention", dtype=layer.dtype_policy
            )
        return None

    return rebuild(
        image_model,
        replace,
        before,
        num_segments=num_segments,
        num_classes=image_model.num_classes if num_classes is None else num_classes,
        **changes,
    )
