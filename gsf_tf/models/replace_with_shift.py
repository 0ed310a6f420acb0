from collections.abc import Iterable
from typing import Any

import keras

from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.layers import RubiksShift2D, RubiksShift3D
from gsf_tf.layers.arguments import check_num_segments
from gsf_tf.layers.conv_2d import Conv2D
from gsf_tf.models.check_functional import check_functional

KERNEL = (3, 3)
# Paddings before a convolution without padding that give its output the size of the shift's: that
# of PyTorch, and that of Keras at strides of 2 and an even size.
PADDINGS = (((1, 1), (1, 1)), ((0, 1), (0, 1)))


def replace_with_shift(
    backbone: keras.Model,
    num_segments: int,
    names: Iterable[str] | None = None,
    **options: Any,
) -> keras.Model:
    """Puts a learnable shift and a pointwise convolution in the place of 3x3 convolutions.

    A convolution with 9 C_in C_out weights becomes a `RubiksShift3D`, which moves every channel in
    time and space, and a 1x1 convolution: 3 C_in + C_in C_out weights, and a ninth of the
    multiply-accumulates. The pointwise convolution keeps filters, groups, bias, activation,
    initializers, regularizers and precision of the one it replaces. Its weights and the shifts are
    new. The other layers are those of the backbone itself, so that both models share them.

    A `ZeroPadding2D` before the convolution is left out, because a shift reads zeros outside of the
    map. Where there is no padding at all, the shifted map is cropped by one pixel at each side.

    Args:
        backbone: Functional `keras.Model` whose input is frames `[B * T, H, W, C]`, such as any of
            `keras.applications` that has 3x3 convolutions.
        num_segments: Integer >= 1. Frames per clip, T. With 1, the layers are `RubiksShift2D`,
            which move in space only; `inflate` turns such a model into one for video.
        names: Names of the convolutions; by default all with a kernel of 3x3, without dilation and
            with equal strides, but those that read as many channels as the images have. So the
            convolution of the images stays, as in RubiksNet.
        **options: Arguments of `RubiksShift3D` (or `RubiksShift2D`) beside `num_segments`,
            `strides` and `name`, such as `mode`, `spatial_initializer` or `causal`.

    Returns:
        A functional `keras.Model` with the backbone's name, inputs and shapes of outputs. In the
        place of the convolution `NAME` it has the layers `NAME_shift` and `NAME_pointwise`.

    Raises:
        ValueError: If the backbone is not functional, if it has no such convolution, or if a name
            is unknown, or belongs to a layer that cannot be replaced: one that is no 3x3
            convolution, is dilated, has two strides, or is called several times.

    Example:

    ```python
    backbone = keras.applications.ResNet50(include_top=False, weights=None)
    shifting = gsf_tf.models.replace_with_shift(backbone, num_segments=8)
    model = gsf_tf.models.SegmentModel(shifting, num_classes=174, num_segments=8)
    ```

    Reference:
        RubiksNet paper, section 3.2: "the RubikShift operator is flexible to be plugged into any
        architecture to replace the heavy convolutional layers"; equation (3) for the pointwise
        convolution.
    """
    check_image_data_format()
    num_segments = check_num_segments(num_segments)
    check_functional(backbone)
    names = _convolutions(backbone) if names is None else list(names)
    for name in names:
        _check_convolution(backbone.get_layer(name))
    _check_some(backbone, names)
    padded, done = {}, set()

    def call_function(layer, *args, **kwargs):
        if layer.name not in names:
            outputs = layer(*args, **kwargs)
            if isinstance(layer, keras.layers.ZeroPadding2D) and layer.padding in PADDINGS:
                # The output is kept, since its id would otherwise be that of another tensor later.
                padded[id(outputs)] = outputs, args[0]
            return outputs
        if layer.name in done:
            raise ValueError(
                "A convolution in `names` must be one that the backbone calls once. "
                f"Received: {layer.name!r}, which it calls several times."
            )
        done.add(layer.name)
        inputs = args[0]
        expected = layer.compute_output_shape(inputs.shape)
        is_padded = layer.padding == "same"
        if id(inputs) in padded and not is_padded:
            is_padded, inputs = True, padded[id(inputs)][1]
        outputs = _shift_and_mix(layer, inputs, is_padded, num_segments, options)
        if outputs.shape != expected:
            raise ValueError(
                f"The output of {layer.name!r} must keep its shape, {expected}. Received: "
                f"{outputs.shape} after the shift, whose padding is symmetrical. Choose another "
                "size of the frames, or leave the convolution out of `names`."
            )
        return outputs

    return keras.models.clone_model(
        backbone, call_function=call_function, clone_function=lambda layer: layer
    )


def _shift_and_mix(convolution, inputs, is_padded, num_segments, options):
    """Calls the layers that take the place of a convolution."""
    (strides, _), name, dtype = convolution.strides, convolution.name, convolution.dtype_policy
    own = {"strides": strides if is_padded else 1, "name": f"{name}_shift", "dtype": dtype}
    if num_segments == 1:
        x = RubiksShift2D(**options, **own)(inputs)
    else:
        x = RubiksShift3D(num_segments, **options, **own)(inputs)
    if not is_padded:
        x = keras.layers.Cropping2D(1, name=f"{name}_crop", dtype=dtype)(x)
    config = {
        **convolution.get_config(),
        "name": f"{name}_pointwise",
        "kernel_size": 1,
        "padding": "valid",
        "strides": 1 if is_padded else strides,
    }
    return Conv2D.from_config(config)(x)


def _convolutions(backbone):
    """Returns the names of the convolutions that are replaced where none are named."""
    channels = {tensor.shape[-1] for tensor in backbone.inputs}
    return [
        layer.name
        for layer in backbone.layers
        if _why_not(layer) is None and layer.kernel.shape[2] * layer.groups not in channels
    ]


def _why_not(layer):
    """Returns what keeps a layer from being replaced, or None."""
    if not isinstance(layer, keras.layers.Conv2D) or layer.kernel_size != KERNEL:
        return "is no 3x3 convolution"
    if layer.dilation_rate != (1, 1):
        return f"has the dilation {layer.dilation_rate}"
    if layer.strides[0] != layer.strides[1]:
        return f"has the strides {layer.strides}"
    return None


def _check_convolution(layer):
    why = _why_not(layer)
    if why is not None:
        raise ValueError(
            "A name in `names` must be that of a `Conv2D` with a kernel of 3x3, without dilation "
            f"and with equal strides. Received: {layer.name!r}, which {why}."
        )


def _check_some(backbone, names):
    if not names:
        raise ValueError(
            "`backbone` must have 3x3 convolutions beside that of the images, or `names` must name "
            f"some. Received: {backbone.name!r}, where there is none to replace. Depthwise and "
            "separable convolutions have few weights already and are left as they are."
        )
