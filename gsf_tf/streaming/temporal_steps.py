"""The temporal layers, one frame at a time.

A step takes the newest frame's features and returns those of the frame `look_ahead(layer)` frames
before it, equal to what the layer computes for the whole clip. Features outside of the stream must
count as zeros: so a step passes its input through `memory.inside`, and each map that is not zero
where its input is.
"""

import math

import tensorflow as tf
from keras import ops

from gsf_tf.layers import (
    AttentionShift,
    GateShift,
    GateShiftFuse,
    IntegerShift,
    RubiksShift2D,
    RubiksShift3D,
    TemporalShift,
)
from gsf_tf.layers.attention_shift import REACH
from gsf_tf.ops import rubiks_shift
from gsf_tf.ops.reference.gate_shift_fuse import (
    fusion_of_means,
    interleave,
    spatial_means,
)
from gsf_tf.ops.reference.rubiks_shift import quantize

GATED = (GateShift, GateShiftFuse)
TAPS = (RubiksShift3D, AttentionShift, IntegerShift)


def look_ahead(layer) -> int:
    """Returns how many later frames a temporal layer reads.

    Raises:
        ValueError: If the layer has no streaming form.
    """
    if isinstance(layer, TemporalShift):
        return 0 if layer.causal else 1
    if isinstance(layer, GATED):
        if layer.causal:
            return 0
        return (layer.gate == "learned") + 1 + (layer.fusion == "learned")
    if isinstance(layer, TAPS):
        return _reach(layer)[1]
    raise ValueError(
        "Streaming needs temporal layers of TSM, GSM, GSF or RubiksNet. "
        f"Received: {type(layer).__name__} {layer.name!r}. Use a model with one of those, "
        "or a `SlidingWindowModel`."
    )


def step(layer, x, delay, memory):
    """Runs a temporal layer for one frame of each stream.

    Args:
        layer: The layer.
        x: `[N, H, W, C]`, its input for the frame that came `delay` frames ago.
        delay: Integer >= 0.
        memory: `Memory`.

    Returns:
        `[N, H', W', C]`, its output for the frame `look_ahead(layer)` frames before that.
    """
    if not isinstance(layer, (RubiksShift2D, TemporalShift, *GATED, *TAPS)):
        look_ahead(layer)  # Says what is wrong.
    x = memory.inside(x, delay)
    if isinstance(layer, TemporalShift):
        return _temporal_shift(layer, x, memory)
    if isinstance(layer, GATED):
        return _gated_shift(layer, x, delay, memory)
    return _taps(layer, x, memory)


def _temporal_shift(layer, x, memory):
    fold = x.shape[-1] // layer.fold_div
    first, second, rest = tf.split(x, [fold, fold, x.shape[-1] - 2 * fold], axis=-1)
    name = layer.name
    if layer.causal:
        return tf.concat([first, memory.past(f"{name}/second", second, 1)[0], rest], axis=-1)
    second = memory.past(f"{name}/second", second, 2)[-1]
    return tf.concat([first, second, memory.past(f"{name}/rest", rest, 1)[0]], axis=-1)


def _gated_shift(layer, x, delay, memory):
    """Equations (1)-(10); `lag` is how many frames before the newest one the features are."""
    name, processed = layer.name, layer.processed_channels(x.shape[-1])
    chosen, others = x, None
    if processed < x.shape[-1]:
        chosen, others = tf.split(x, [processed, x.shape[-1] - processed], -1)
    total = look_ahead(layer)

    if layer.gate == "learned":
        gates = _gates(layer, chosen, delay, memory)
        lag = 0 if layer.causal else 1
    else:
        gates, lag = tf.fill((1, 1, 1, 2), tf.cast(layer.gate, x.dtype)), 0
    own = memory.delayed(f"{name}/chosen", chosen, lag)
    gated = _times_gates(own, gates)
    residual = own - gated

    if layer.causal:
        shifted = memory.past(f"{name}/gated", gated, 1)[0]
    else:
        half = processed // 2
        earlier = memory.past(f"{name}/gated", gated[..., half:], 2)[-1]
        shifted = tf.concat([gated[..., :half], earlier], axis=-1)
        residual = memory.past(f"{name}/residual", residual, 1)[0]
        lag += 1
    # The map of a frame outside of the stream reads frames inside.
    shifted = memory.inside(shifted, delay + lag)

    if layer.fusion == "learned":
        means = spatial_means(shifted, residual)
        window = tf.stack([*memory.past(f"{name}/means", means, 2)[::-1], means], axis=1)
        weight = tf.cast(fusion_of_means(window, *layer.fusion_weights()), x.dtype)[:, :, None]
        wait = total - lag
        shifted = memory.delayed(f"{name}/shifted", shifted, wait)
        residual = memory.delayed(f"{name}/fused_residual", residual, wait)
        fused = weight * shifted + (1 - weight) * residual
    else:
        fused = shifted + residual
    fused = interleave(fused)
    if others is None:
        return fused
    return tf.concat([fused, memory.delayed(f"{name}/others", others, total)], axis=-1)


def _gates(layer, chosen, delay, memory):
    """Equations (1), (2): both halves' gates `[N, H, W, 2]`, of the frame before if not causal."""
    name, dtype = layer.name, chosen.dtype
    activated = ops.relu(layer.normalization(chosen, training=False))
    # The taps in time are planes of one convolution, so what a frame gives to all of them is
    # computed once.
    planes = tf.nn.conv2d(activated, tf.cast(_all_taps(layer.gate_kernel), dtype), 1, "SAME")
    planes = memory.inside(planes, delay)
    first, second, third = tf.split(planes, 3, axis=-1)
    two = memory.delayed(f"{name}/one_tap", first, 1) + second
    three = memory.delayed(f"{name}/two_taps", two, 1) + third
    return ops.tanh(three + tf.cast(layer.gate_bias, dtype))


def _all_taps(kernel):
    """Returns `[3, 3, P, 6]`: for each tap in time, a plane of half 1 and one of half 2.

    Each plane reads its half; the other half has zeros. One convolution with zeros is faster than
    two without, which have too few planes to fill the processor's vectors.
    """
    first, second = tf.unstack(tf.transpose(kernel, (1, 2, 3, 0, 4)), 2, axis=-1)
    nothing = tf.zeros_like(first)
    of_first = tf.stack([first, nothing], axis=-1)
    of_second = tf.stack([nothing, second], axis=-1)
    both = tf.concat([of_first, of_second], axis=2)
    return tf.reshape(both, (3, 3, 2 * kernel.shape[3], 6))


def _times_gates(x, gates):
    """Multiplies each half of the channels of `[N, H, W, P]` with its gate, `[N, H, W, 2]`."""
    _, height, width, processed = x.shape
    halves = tf.reshape(x, (-1, height * width, 2, processed // 2))
    # A fixed gate is one number for all pixels.
    gated = halves * tf.reshape(gates, (-1, gates.shape[1] * gates.shape[2], 2, 1))
    return tf.reshape(gated, (-1, height, width, processed))


def _taps(layer, x, memory):
    """A sum over frames with a coefficient per channel, after the shift in space."""
    if isinstance(layer, RubiksShift3D):
        shift = quantize(layer.shift) if layer.mode == "quantized" else layer.shift
        # No gradient is wanted, and rounded shifts interpolate nothing.
        x = rubiks_shift(x, shift[1:], strides=layer.strides, mode="interpolated")
    before, after = _reach(layer)
    frames = [x, *memory.past(f"{layer.name}/frames", x, before + after)]
    coefficients = tf.cast(_coefficients(layer, before, after), x.dtype)
    # The newest frame is the last tap.
    taps = tf.unstack(coefficients, before + 1 + after)[::-1]
    return tf.add_n([frame * tap for frame, tap in zip(frames, taps, strict=True)])


def _coefficients(layer, before, after):
    """`[before + 1 + after, C]`: what a frame reads of the frames around it, the earliest first."""
    if isinstance(layer, AttentionShift):
        return layer.distribution()[REACH - before : REACH + 1 + after]
    shift = tf.cast(layer.channel_shifts()[0], "float32")
    if isinstance(layer, RubiksShift3D) and layer.mode == "quantized":
        shift = quantize(shift)
    positions = tf.range(-before, after + 1, dtype="float32")[:, None]
    return tf.nn.relu(1 - tf.abs(positions - shift))


def _reach(layer):
    """How many frames before and after its own a layer reads."""
    if isinstance(layer, AttentionShift):
        return REACH, 0 if layer.causal else REACH
    with tf.init_scope():  # The values, also where a graph is traced.
        shift = tf.cast(layer.channel_shifts()[0], "float32")
        if isinstance(layer, RubiksShift3D) and layer.mode == "quantized":
            shift = quantize(shift)
        shift = shift.numpy()
    return max(0, math.ceil(-shift.min())), max(0, math.ceil(shift.max()))
