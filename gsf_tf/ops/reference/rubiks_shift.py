"""Reference form of `gsf_tf.ops.rubiks_shift`.

Trilinear interpolation is a product of one interpolation per axis (equation (6)), so space and time
are two depthwise convolutions whose kernels hold the coefficients S of each channel.
"""

from keras import ops


def rubiks_shift(x, shift, num_segments, strides, mode):
    """As `gsf_tf.ops.rubiks_shift`, for arguments that it has checked; strides are (t, h, w)."""
    if mode == "interpolated":
        return _interpolate(x, shift, num_segments, strides)
    shifted = _interpolate(x, ops.stop_gradient(quantize(shift)), num_segments, strides)
    # Zero in value; its gradient is that of the interpolation at the unrounded shift.
    slope = _interpolate(ops.stop_gradient(x), shift, num_segments, strides)
    return shifted + (slope - ops.stop_gradient(slope))


def quantize(shift):
    """Rounds to the nearest integer, halves up: 0.5 to 1, -0.5 to 0, -1.5 to -1."""
    floor = ops.floor(shift)
    return ops.where(shift - floor < 0.5, floor, floor + 1)


def temporal_taps(x, coefficients, num_segments):
    """Sums a clip's frames around each frame with a coefficient per tap and channel.

    Args:
        x: `[B * num_segments, H, W, C]`.
        coefficients: `[2 * reach + 1, C]`, the middle one for the frame itself; frames outside the
            clip are zeros. `reach` may be known only when the graph runs.
        num_segments: Frames per clip.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    shape = _shape(x)
    rows = ops.reshape(x, (shape[0] // num_segments, num_segments, shape[1] * shape[2], shape[3]))
    return ops.reshape(_depthwise_conv(rows, coefficients[:, None]), shape)


def _interpolate(x, shift, num_segments, strides):
    *temporal, vertical, horizontal = ops.unstack(shift, axis=0)
    y = _interpolate_in_space(x, vertical, horizontal, strides[1:])
    if not temporal:
        return y
    y = temporal_taps(y, _coefficients(temporal[0], num_segments), num_segments)
    if strides[0] == 1:
        return y
    frames, *size = _shape(y)
    clips = ops.reshape(y, (frames // num_segments, num_segments, *size))[:, :: strides[0]]
    return ops.reshape(clips, (frames // num_segments * clips.shape[1], *size))


def _interpolate_in_space(x, vertical, horizontal, strides):
    frames, height, width, channels = _shape(x)
    rows, columns = _coefficients(vertical, height), _coefficients(horizontal, width)
    if strides[0] == strides[1] > 1:
        above, left = _size(rows, 0) // 2, _size(columns, 0) // 2
        padded = ops.pad(x, [(0, 0), (above, above), (left, left), (0, 0)])
        # After padding by an amount that is a tensor, TensorFlow no longer knows the channels.
        padded = ops.reshape(padded, (*ops.shape(padded)[:3], channels))
        y = _depthwise_conv(padded, rows[:, None] * columns[None], strides[0], "valid")
    else:
        # TensorFlow's depthwise convolution has one stride for both axes.
        y = _depthwise_conv(_depthwise_conv(x, rows[:, None]), columns[None])
        y = y[:, :: strides[0], :: strides[1]]
    height, width = (
        -(-size // stride) for size, stride in zip((height, width), strides, strict=True)
    )
    return ops.reshape(y, (frames, height, width, channels))


def _coefficients(shift, length):
    """Equation (6) for one axis: the coefficients of the taps -reach .. reach, `[taps, C]`.

    At an integer the interpolation has a kink; the gradient there is half the central difference.
    """
    length = ops.cast(length, shift.dtype)
    # Beyond this length all taps are zero; without the limit, an infinite shift would give NaN.
    shift = ops.where(ops.abs(shift) > length + 1, length + 1, shift)
    largest = ops.max(ops.where(ops.isnan(shift), 0, ops.abs(shift)))
    largest = ops.minimum(largest, length)
    reach = ops.maximum(ops.cast(ops.floor(largest), "int32") + 1, 1)
    taps = ops.cast(ops.arange(-reach, reach + 1), shift.dtype)[:, None]
    value = ops.relu(1 - ops.abs(shift - taps))
    # Twice the same function, in a form whose gradient at a kink, where TensorFlow's sign(0) is 0,
    # is the mean of the slopes on both sides. The 1 is added to `taps`, which stay exact: added to
    # the difference, rounding would make a tiny shift look like a kink.
    slope = ops.abs(shift - (taps + 1)) - 2 * ops.abs(shift - taps) + ops.abs(shift - (taps - 1))
    # TensorFlow's derivative of |NaN| is zero; the gradient of a NaN shift must be NaN.
    slope = slope / (2 + 0 * ops.stop_gradient(shift))
    return ops.stop_gradient(value) + (slope - ops.stop_gradient(slope))


def _shape(x):
    return tuple(_size(x, axis) for axis in range(len(x.shape)))


def _size(x, axis):
    return x.shape[axis] if x.shape[axis] is not None else ops.shape(x)[axis]


def _depthwise_conv(x, kernel, stride=1, padding="same"):
    kernel = ops.cast(kernel, x.dtype)[..., None]
    kernel = _gradient_only_if(ops.shape(x)[0] > 0, kernel)
    return ops.depthwise_conv(x, kernel, stride, padding, "channels_last")


def _gradient_only_if(has_frames, kernel):
    """Sets the kernel's gradient to zero in an empty batch: TensorFlow leaves it uninitialized."""

    @ops.custom_gradient
    def unchanged(kernel):
        return kernel, lambda upstream: ops.where(has_frames, upstream, 0)

    return unchanged(kernel)
