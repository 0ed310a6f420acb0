import keras

from gsf_tf.layers import AttentionShift, RubiksShift2D, RubiksShift3D, TemporalLayer
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.models.rebuild import rebuild

FIRST_OF_A_BLOCK = "_conv2"


def inflate(image_model, num_segments, attention=False, num_classes=None, **options):
    """Makes a video model of a RubiksNet that was trained on images.

    Spatial shifts and all other weights are taken over, temporal shifts are initialized. The
    linear layer is taken over if the number of classes stays.

    Args:
        image_model: `SegmentModel` with `RubiksShift2D` layers, such as
            `from_preset("rubiksnet_tiny", 1000, num_segments=1)`.
        num_segments: Integer >= 1. Frames per clip of the video model.
        attention: Whether time gets an `AttentionShift` before the first 1x1 convolution of every
            block (RS-AQ), instead of a third row in the shifts.
        num_classes: Classes of the video model, as in `SegmentModel`; by default the image
            model's.
        **options: Arguments of `RubiksShift3D` that set up time: `temporal`,
            `temporal_initializer`; or `shift_budget` with attention, or `dropout`.

    Returns:
        A `SegmentModel` that shares nothing with `image_model`.

    Raises:
        ValueError: If the model has no `RubiksShift2D`, or already has temporal layers.

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
            "`image_model` must have `RubiksShift2D` layers and no temporal ones: a RubiksNet with "
            f"num_segments=1. Received: {image_model.name!r} with {len(shifts)} shift layers, "
            f"{len(temporal)} temporal layers."
        )
    changes = {key: options.pop(key) for key in ("shift_budget", "dropout") if key in options}
    if attention and options:
        raise ValueError(f"Attention has no such options. Received: {', '.join(options)}")

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
