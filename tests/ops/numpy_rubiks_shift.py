"""RubiksShift from equations (4)-(6), term by term in float64, with its gradients."""

import itertools

import numpy as np


def numpy_rubiks_shift(x, shift, num_segments=1, strides=(1, 1, 1), upstream=None, mode=None):
    """Returns y, the gradient of x and that of the shift, for the gradient `upstream` of y.

    Args:
        x: `[B * T, H, W, C]`.
        shift: `[3, C]` or `[2, C]`.
        num_segments: T.
        strides: `(time, vertical, horizontal)`.
        upstream: Of the shape of y; ones by default.
        mode: `"quantized"`, or anything else for interpolation.
    """
    x, shift = np.asarray(x, np.float64), np.asarray(shift, np.float64)
    if len(shift) == 2:
        shift = np.concatenate([np.zeros_like(shift[:1]), shift])
        y, x_gradient, shift_gradient = numpy_rubiks_shift(x, shift, 1, strides, upstream, mode)
        return y, x_gradient, shift_gradient[1:]
    clips = x.reshape(-1, num_segments, *x.shape[1:])
    lengths = clips.shape[1:4]
    y = np.zeros((len(clips), *output_lengths(lengths, strides), x.shape[-1]))
    upstream = np.ones_like(y) if upstream is None else np.asarray(upstream, np.float64)
    upstream = upstream.reshape(y.shape)
    x_gradient, shift_gradient = np.zeros_like(clips), np.zeros_like(shift)
    rounded = np.floor(shift + 0.5) if mode == "quantized" else shift
    for c in range(x.shape[-1]):
        # [T, H, W, B]
        ours, theirs, of_y, of_x = (
            np.moveaxis(array[..., c], 0, -1) for array in (y, clips, upstream, x_gradient)
        )
        for to, source, value, _ in _terms(rounded[:, c], lengths, strides):
            ours[to] += value * theirs[source]
            of_x[source] += value * of_y[to]
        for to, source, _, slopes in _terms(shift[:, c], lengths, strides):
            shift_gradient[:, c] += slopes * np.dot(theirs[source], of_y[to])
    return y.reshape(-1, *y.shape[2:]), x_gradient.reshape(x.shape), shift_gradient


def output_lengths(lengths, strides):
    """How many of the positions 0, s, 2s, ... are in an axis."""
    return tuple(len(range(0, n, step)) for n, step in zip(lengths, strides, strict=True))


def _terms(shift, lengths, strides):
    """Yields the position in y, that in x, S of equation (6) and its three derivatives."""
    axes = [_axis(*values) for values in zip(shift, lengths, strides, strict=True)]
    for (t, i, a, da), (h, j, b, db), (w, k, c, dc) in itertools.product(*axes):
        slopes = np.array([da * b * c, a * db * c, a * b * dc])
        yield (t, h, w), (i, j, k), a * b * c, slopes


def _axis(shift, length, stride):
    """The terms of one axis that are inside: position in y, in x, coefficient, its derivative."""
    below = int(np.floor(shift))
    delta = float(shift - below)
    if delta == 0:
        # A kink: the mean of the slopes on its two sides, which is half the central difference.
        taps = {below - 1: (0.0, -0.5), below: (1.0, 0.0), below + 1: (0.0, 0.5)}
    else:
        taps = {below: (1 - delta, -1.0), below + 1: (delta, 1.0)}
    return [
        (position, position * stride + tap, *coefficient)
        for position in range(output_lengths([length], [stride])[0])
        for tap, coefficient in taps.items()
        if 0 <= position * stride + tap < length
    ]
