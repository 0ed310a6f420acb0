"""Shifts whose distances are known when the model is exported.

Between elements, a shift is a depthwise convolution with a constant kernel. Where the convolution
before can write the channels of a distance next to each other, and the one after reads them so,
integer shifts in time are slices. To pick the channels out of a finished map costs more than the
depthwise convolution that moves them in place (docs/performance.md, "Integer shifts").
"""

import numpy as np
import tensorflow as tf

from gsf_tf.export.graph.channel_parts import ChannelParts
from gsf_tf.export.graph.convolution import values
from gsf_tf.export.graph.deferred import constant


def temporal_shift(layer, x):
    """A `TemporalShift` (TSM)."""
    fold = x.size // layer.fold_div
    distances = np.repeat([1, -1, 0], [fold, fold, x.size - 2 * fold])
    return ChannelParts.of(_moved_in_time(x.tensor(), distances, layer.num_segments))


def attention_shift(layer, x):
    """An `AttentionShift`: a weighted sum over frames."""
    with tf.init_scope():
        taps = np.asarray(layer.distribution(), np.float64)
    return _weighted_in_time(x.tensors(), taps, layer.num_segments)


def integer_shift(layer, x):
    """An `IntegerShift`, what `harden` makes of attention."""
    distances = values(layer.shift)
    if not np.any(distances):
        return x
    taps = coefficients(distances, layer.num_segments)
    return _weighted_in_time(x.tensors(), taps, layer.num_segments)


def rubiks_shift(layer, x):
    """A `RubiksShift2D` or `RubiksShift3D`."""
    shift = values(layer.shift)
    if layer.mode == "quantized":
        shift = np.floor(shift + 0.5)
    *temporal, vertical, horizontal = shift
    if temporal and _are_integers(temporal[0]) and x.is_divisible():
        x = x.divided([np.argsort(temporal[0], kind="stable")])
    x = _interpolated_in_space(x.tensors(), vertical, horizontal, layer.strides)
    return _shifted_in_time(x, temporal[0], layer.num_segments) if temporal else x


def _shifted_in_time(x, distances, num_segments):
    """Moves the channels, whatever the distances are."""
    if not np.any(distances):
        return x
    x = x.joined()
    ((channels, value),) = x.parts
    own = distances[channels]
    is_cheap = _are_integers(own) and np.count_nonzero(np.diff(own)) < 8
    if is_cheap:
        return ChannelParts([(channels, _moved_in_time(value, own, num_segments))])
    return _weighted_in_time(x, coefficients(distances, num_segments), num_segments)


def _are_integers(distances):
    return np.array_equal(distances, np.round(distances))


def coefficients(shift: np.ndarray, length: int) -> np.ndarray:
    """Returns equation (6) for one axis: the taps -reach .. reach of each channel, `[taps, C]`.

    Args:
        shift: `[C]`, in elements.
        length: Elements of the axis, beyond which all taps are zero.
    """
    shift = np.clip(shift, -length - 1, length + 1)
    reach = max(int(min(np.ceil(np.max(np.abs(shift))), length)), 1)
    taps = np.arange(-reach, reach + 1)[:, None]
    return np.maximum(1 - np.abs(shift - taps), 0)


def _interpolated_in_space(x, vertical, horizontal, stride):
    def of_part(channels, value):
        _, height, width, _ = value.shape
        rows = coefficients(vertical[channels], height)
        columns = coefficients(horizontal[channels], width)
        if stride == 1 and len(rows) * len(columns) > 9:
            y = _depthwise(value, rows[:, None])
            return _depthwise(y, columns[None])
        kernel = rows[:, None] * columns[None]
        if stride == 1:
            return _depthwise(value, kernel)
        around = [(side // 2, side // 2) for side in kernel.shape[:2]]
        padded = tf.pad(value, [(0, 0), *around, (0, 0)])
        return _depthwise(padded, kernel, stride, "VALID")

    return x.map(of_part)


def _weighted_in_time(x, taps, num_segments):
    """Sums the frames around each frame, with the weights `[taps, C]`."""

    def of_part(channels, value):
        clips = _as_clips(value, num_segments)
        return tf.reshape(_depthwise(clips, taps[:, None, channels]), [-1, *value.shape[1:]])

    return x.map(of_part)


def _depthwise(x, kernel, stride=1, padding="SAME"):
    own = constant(kernel[..., None])
    return tf.nn.depthwise_conv2d(x, own, [1, stride, stride, 1], padding)


def _moved_in_time(x, distances, num_segments):
    """Moves runs of channels by whole frames; a positive distance reads a later frame."""
    clips = _as_clips(x, num_segments)
    borders = np.flatnonzero(np.diff(distances)) + 1
    starts, ends = [0, *borders], [*borders, len(distances)]
    runs = [
        _frames_at(clips[..., start:end], int(distances[start]), num_segments)
        for start, end in zip(starts, ends, strict=True)
    ]
    return tf.reshape(tf.concat(runs, -1), [-1, *x.shape[1:]])


def _frames_at(clips, distance, num_segments):
    if abs(distance) >= num_segments:
        return tf.zeros_like(clips)
    if distance > 0:
        return tf.pad(clips[:, distance:], [[0, 0], [0, distance], [0, 0], [0, 0]])
    if distance < 0:
        return tf.pad(clips[:, :distance], [[0, 0], [-distance, 0], [0, 0], [0, 0]])
    return clips


def _as_clips(x, num_segments):
    """Returns frames `[N, H, W, C]` as clips `[B, T, H * W, C]`."""
    _, height, width, channels = x.shape
    return tf.reshape(x, [-1, num_segments, height * width, channels])


def grouped_spatial_temporal(layer, x):
    """A `GroupedSpatialTemporal` (GST): its 3D convolution as three 2D ones, summed over frames."""
    inputs, size = x.tensor(), x.size
    spatial, temporal = values(layer.spatial_kernel)[0], values(layer.temporal_kernel)
    read = size // layer.beta
    planes = temporal.transpose(1, 2, 3, 0, 4).reshape(3, 3, read, -1)  # [3, 3, C, 3 * F]
    of_space, of_time = inputs[..., :read], inputs[..., size - read :]
    around = [[0, 0], [1, 1], [1, 1], [0, 0]]
    still = tf.nn.conv2d(of_space, constant(spatial), layer.strides, around)
    taps = tf.nn.conv2d(of_time, constant(planes), layer.strides, around)
    clips = _as_clips(taps, layer.num_segments)
    before, now, after = tf.split(clips, 3, axis=-1)
    total = (
        _frames_at(before, -1, layer.num_segments) + now + _frames_at(after, 1, layer.num_segments)
    )
    total = tf.reshape(total, [-1, *still.shape[1:3], temporal.shape[-1]])
    return ChannelParts.of(tf.concat([still, total], -1))
