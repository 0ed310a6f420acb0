"""GSM and GSF from the equations, in NumPy: the independent twin of `GatedShift`."""

import numpy as np


def numpy_gated_shift(x, layer, training):
    """The layer's output, in float64."""
    return from_equations(
        x,
        {w.path.split("/")[-1]: w for w in layer.weights},
        layer.num_segments,
        layer.processed_channels(x.shape[-1]),
        training,
        layer.gate,
    )


def from_equations(x, weights, num_segments, processed, training, gate="learned"):
    """Equations (1)-(10) with the authors' details, element by element, in float64."""
    weights = {name: np.asarray(w, np.float64) for name, w in weights.items()}
    fixed_gate = np.nan if gate == "learned" else gate
    x = np.asarray(x, np.float64)
    frames = x.shape[0]
    half, quarter = processed // 2, processed // 4
    chosen = x[..., :processed]
    activated = _normalized_and_rectified(chosen, weights, training)
    out = x.copy()
    for clip in range(frames // num_segments):
        frames_of_clip = slice(clip * num_segments, (clip + 1) * num_segments)
        for group, direction in ((0, +1), (1, -1)):
            own = slice(group * half, (group + 1) * half)
            raw = chosen[frames_of_clip, ..., own]
            gates = np.full(raw.shape[:3], fixed_gate)
            if gate == "learned":
                seen = np.pad(activated[frames_of_clip, ..., own], ((1, 1), (1, 1), (1, 1), (0, 0)))
                for t, i, j in np.ndindex(*gates.shape):
                    window = seen[t : t + 3, i : i + 3, j : j + 3]
                    total = (window * weights["gate_kernel"][..., group]).sum()
                    gates[t, i, j] = np.tanh(total + weights["gate_bias"][group])
            y = gates[..., None] * raw
            r = raw - y
            shifted = np.zeros_like(y)
            for t in range(num_segments):
                if 0 <= t + direction < num_segments:
                    shifted[t] = y[t + direction]
            z = shifted + r
            if "fusion_kernel_1" in weights:
                weight = _fusion_weight(shifted, r, weights, group)
                z = weight * shifted + (1 - weight) * r
            for i in range(quarter):
                for j in range(2):
                    out[frames_of_clip, ..., group * half + 2 * i + j] = z[..., j * quarter + i]
    return out


def _normalized_and_rectified(x, weights, training):
    if "gamma" not in weights:
        return None
    mean, variance = weights["moving_mean"], weights["moving_variance"]
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    normalized = (x - mean) / np.sqrt(variance + 1e-5) * weights["gamma"] + weights["beta"]
    return np.maximum(normalized, 0)


def _fusion_weight(shifted, residual, weights, group):
    planes = np.stack([shifted.mean((1, 2)).T, residual.mean((1, 2)).T], axis=-1)
    padded = np.pad(planes, ((1, 1), (1, 1), (0, 0)))
    fusion = np.zeros(planes.shape[:2])
    for c, t in np.ndindex(*fusion.shape):
        window = padded[c : c + 3, t : t + 3]
        kernel = weights[f"fusion_kernel_{group + 1}"][..., 0]
        score = (window * kernel).sum() + weights[f"fusion_bias_{group + 1}"][0]
        fusion[c, t] = 1 / (1 + np.exp(-score))
    return fusion.T[:, None, None, :]


def randomized(layer, input_shape):
    layer.build(input_shape)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        draw = rng.uniform(0.5, 1.5, weight.shape)
        if "kernel" in weight.path or "bias" in weight.path or "beta" in weight.path:
            draw = rng.normal(size=weight.shape)
        weight.assign(draw)
    return layer
