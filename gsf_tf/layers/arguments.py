"""Checks of the arguments that several temporal layers have."""

from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.ops.rubiks_shift import MODES

LEARNING = ("learned", "fixed")


def check_num_segments(num_segments) -> int:
    """Returns `num_segments` as an int, or raises ValueError if it is not an integer >= 1."""
    if isinstance(num_segments, bool) or int(num_segments) != num_segments or num_segments < 1:
        raise ValueError(
            "`num_segments` must be an integer >= 1 (frames per clip). "
            f"Received: num_segments={num_segments!r}"
        )
    return int(num_segments)


def check_feature_map(layer_name: str, shape: tuple) -> int:
    """Returns the number of channels of `[B * num_segments, H, W, C]`, or raises ValueError."""
    check_image_data_format()
    if len(shape) != 4 or shape[-1] is None:
        raise ValueError(
            f"The input of {layer_name!r} must be a channels-last feature map "
            "`[batch * num_segments, height, width, channels]` with a known number of channels. "
            f"Received: shape={tuple(shape)}"
        )
    return shape[-1]


def check_causal(causal) -> bool:
    """Returns `causal`, or raises ValueError if it is neither True nor False."""
    if not isinstance(causal, bool):
        raise ValueError(f"`causal` must be True or False. Received: causal={causal!r}")
    return causal


def check_mode(mode):
    """Returns `mode`, or raises ValueError if it is not a mode of `gsf_tf.ops.rubiks_shift`."""
    if mode not in MODES:
        raise ValueError(f"`mode` must be one of {', '.join(MODES)}. Received: mode={mode!r}")
    return mode


def check_learning(name, value):
    """Returns `value`, or raises ValueError if it is neither `"learned"` nor `"fixed"`."""
    if value not in LEARNING:
        raise ValueError(
            f"`{name}` must be one of {', '.join(LEARNING)}. Received: {name}={value!r}"
        )
    return value


def check_strides(strides):
    """Returns `strides` as an int, or raises ValueError if it is not an integer >= 1."""
    if int(strides) != strides or strides < 1:
        raise ValueError(f"`strides` must be an integer >= 1. Received: strides={strides!r}")
    return int(strides)
