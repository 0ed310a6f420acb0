"""Gate-Shift-Fuse and GSM in fewer and cheaper operations than the reference.

The two halves of the processed channels do not know each other, so each is a map of its own. With
the gate g, the gated features Y = g x, the residual R = x - Y and the fusion weight F, a half is

    out[t] = (1 - F[t]) R[t] + F[t] Y[t +- 1].

A normalization that follows is multiplied into the small vectors 1 - F and F. The spatial means of
Y and R are one matrix product of the gates and x. The interleaving of the channels is only their
names (`ChannelParts`).
"""

import numpy as np
import tensorflow as tf

from gsf_tf.export.graph.channel_parts import ChannelParts
from gsf_tf.export.graph.convolution import values
from gsf_tf.export.graph.deferred import Deferred, affine, constant


def gate_rule(layer, x):
    """A `GateShiftFuse` or `GateShift`."""
    processed = layer.processed_channels(x.size)
    half = processed // 2
    groups = [np.arange(half), np.arange(half, processed), np.arange(processed, x.size)]
    first, second, *rest = x.divided([g for g in groups if len(g)]).parts
    parts = [
        (interleaved(channels), Deferred.of(_compute(layer, index, value), half))
        for index, (channels, value) in enumerate((first, second))
    ]
    return ChannelParts([*parts, *rest])


def interleaved(channels):
    """Returns the channels that a half becomes: `new[2 i + j] = old[j n + i]`."""
    half = len(channels)
    pairs = np.arange(half).reshape(half // 2, 2)
    return channels[0] + pairs.T.reshape(-1)


def _compute(layer, index, value):
    def compute(channels, scale, offset):
        x = value.tensor() if isinstance(value, Deferred) else value
        return affine(_half(layer, index, x, scale), np.ones(len(scale)), offset)

    return compute


def _half(layer, index, x, scale):
    """Returns the gated, shifted and fused half `[N, H, W, C]`, times the scale."""
    _, height, width, channels = x.shape
    num_segments = layer.num_segments
    flat = tf.reshape(x, [-1, height * width, channels])
    gate = _gate(layer, index, x)
    gated = gate * flat
    residual = flat - gated
    kept, moved = _weights(layer, index, flat, gate, scale)
    # What a frame gives to its neighbor; nothing leaves the clip.
    given = tf.reshape(gated, [-1, num_segments, height * width, channels])
    given = tf.reshape(given * _by_source(moved, index), [-1, height * width, channels])
    if index == 0:
        received = tf.pad(given[1:], [[0, 1], [0, 0], [0, 0]])
    else:
        received = tf.pad(given[:-1], [[1, 0], [0, 0], [0, 0]])
    return tf.reshape(residual * kept + received, [-1, height, width, channels])


def _by_source(moved, index):
    """Returns the weights `[B, T, 1, C]` of what frame t gives, from those of what it receives."""
    if index == 0:
        return tf.pad(moved[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]])
    return tf.pad(moved[:, 1:], [[0, 0], [0, 1], [0, 0], [0, 0]])


def _gate(layer, index, x):
    """Equations (1), (2): the gate `[N, H * W, 1]`; a number in the controls of Table 5."""
    if layer.gate != "learned":
        return tf.fill([tf.shape(x)[0], x.shape[1] * x.shape[2], 1], float(layer.gate))
    _, height, width, channels = x.shape
    kernel = values(layer.gate_kernel)[..., index]
    scale, offset = normalization_values(layer.normalization)
    own = slice(index * channels, (index + 1) * channels)
    activated = tf.nn.relu(affine(x, scale[own], offset[own]))
    planes = tf.nn.conv2d(activated, constant(kernel.transpose(1, 2, 3, 0)), 1, "SAME")
    planes = tf.reshape(planes, [-1, layer.num_segments, height * width, 3])
    before = tf.pad(planes[:, :-1, :, 0:1], [[0, 0], [1, 0], [0, 0], [0, 0]])
    after = tf.pad(planes[:, 1:, :, 2:3], [[0, 0], [0, 1], [0, 0], [0, 0]])
    bias = constant(values(layer.gate_bias)[index : index + 1])
    gate = tf.tanh(before + planes[..., 1:2] + after + bias)
    return tf.reshape(gate, [-1, height * width, 1])


def normalization_values(layer):
    """Returns the scale and the offset of a batch normalization with its moving statistics."""
    variance = values(layer.moving_variance)
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * values(layer.gamma)
    offset = -scale * values(layer.moving_mean)
    if layer.center:
        offset = offset + values(layer.beta)
    return scale, offset


def _weights(layer, index, flat, gate, scale):
    """Returns the factors of R, `[N or 1, 1, C]`, and of Y, `[B or 1, T, 1, C]`."""
    num_segments, channels = layer.num_segments, flat.shape[-1]
    if layer.fusion == "sum":
        same = np.broadcast_to(scale, [1, num_segments, 1, channels])
        return constant(scale[None, None]), constant(same)
    weight = _fusion_weight(layer, index, flat, gate)
    moved = weight * constant(scale)
    return tf.reshape(constant(scale) - moved, [-1, 1, channels]), moved


def _fusion_weight(layer, index, flat, gate):
    """Equations (7), (8): F, `[B, T, 1, C]`."""
    num_segments, (pixels, channels) = layer.num_segments, flat.shape[1:]
    rows = tf.concat([gate, 1 - gate], -1) * constant(1 / pixels)
    means = tf.linalg.matmul(rows, flat, transpose_a=True)  # [N, 2, C]: of Y and of R
    means = tf.reshape(means, [-1, num_segments, 2, channels])
    own, residual = means[:, :, 0], means[:, :, 1]
    if index == 0:
        shifted = tf.pad(own[:, 1:], [[0, 0], [0, 1], [0, 0]])
    else:
        shifted = tf.pad(own[:, :-1], [[0, 0], [1, 0], [0, 0]])
    plane = tf.stack([shifted, residual], -1)  # [B, T, C, 2]
    kernel = values(layer.fusion_kernels[index]).transpose(1, 0, 2, 3)
    scores = tf.nn.conv2d(plane, constant(kernel), 1, "SAME")
    scores = tf.nn.bias_add(scores, constant(values(layer.fusion_biases[index])))
    return tf.reshape(tf.sigmoid(scores), [-1, num_segments, 1, channels])
