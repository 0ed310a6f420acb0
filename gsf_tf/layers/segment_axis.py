"""The rules for the segment axis that is folded into the batch."""


def check_num_segments(num_segments) -> int:
    """Returns `num_segments` as an int, or raises ValueError if it is not one >= 1."""
    if isinstance(num_segments, bool) or int(num_segments) != num_segments or num_segments < 1:
        raise ValueError(
            "`num_segments` must be an integer of at least 1 (frames per clip). "
            f"Received: num_segments={num_segments!r}"
        )
    return int(num_segments)


def check_feature_map(layer_name: str, shape: tuple) -> int:
    """Returns the number of channels of `[B * num_segments, H, W, C]`, or raises ValueError."""
    if len(shape) != 4 or shape[-1] is None:
        raise ValueError(
            f"{layer_name} expects a channels-last feature map "
            "`[batch * num_segments, height, width, channels]` with a known number of channels. "
            f"Received: shape={tuple(shape)}"
        )
    return shape[-1]
