from collections.abc import Mapping
from typing import Any

import keras

from gsf_tf.layers import AttentionShift, RubiksShift2D, RubiksShift3D, TemporalLayer
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.models.rebuild import rebuild
from gsf_tf.models.segment_model import SegmentModel
from gsf_tf.models.temporal_start import is_temporal_start, temporal_start

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
        **options: Without attention, `temporal` of `RubiksShift3D`, and `temporal_initializer`,
            where the temporal shifts begin: `"folds"`, those of TSM (default, as in the authors'
            code); `"noisy_folds"`, with uniform noise in [-0.1, 0.1) around them; `"uniform"` in
            [-1, 1); or any initializer of Keras. With attention, `shift_budget` of `SegmentModel`.
            In both cases `dropout` of `SegmentModel`.

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
        RubiksNet paper, section 4.1, "Spatial Shift Pretraining"; the authors' code for the folds.
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

    start = options.pop("temporal_initializer", "folds")

    def replace(layer):
        if attention or not isinstance(layer, RubiksShift2D):
            return None
        # Each layer has an initializer of its own, as one would give all the same noise.
        initializer = temporal_start(start) if is_temporal_start(start) else start
        arguments = {**layer.get_config(), **options, "temporal_initializer": initializer}
        inflated = RubiksShift3D(num_segments, **arguments)
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
