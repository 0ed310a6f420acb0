"""The rules for the arguments that the layers of RubiksShift share."""

from gsf_tf.ops.rubiks_shift import MODES

LEARNING = ("learned", "fixed")


def check_mode(mode):
    """Returns `mode`, or raises ValueError if the op does not know it."""
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
    """Returns `strides` as an int, or raises ValueError if it is not one >= 1."""
    if int(strides) != strides or strides < 1:
        raise ValueError(
            f"`strides` must be an integer of at least 1. Received: strides={strides!r}"
        )
    return int(strides)
