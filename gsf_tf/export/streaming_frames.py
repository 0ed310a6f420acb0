"""Runs a step over all frames of some streams, for the programs that check an export.

They are started by their file names; this file imports nothing of gsf_tf either.
"""

import sys
from collections.abc import Callable

import numpy as np


def run_to_the_end(
    step: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]],
    frames: np.ndarray,
    look_ahead: int,
) -> dict[str, np.ndarray]:
    """Returns the outputs for all frames, up to the streams' ends.

    Args:
        step: From the frames `[N, H, W, 3]` and `valid` `[N]` to the outputs by name; it keeps the
            state.
        frames: uint8 `[N, F, H, W, 3]`.
        look_ahead: Number of steps that an output comes late.

    Returns:
        The outputs by name, `[N, F, ...]`. Those that belong to no frame must be NaN.
    """
    streams, count = frames.shape[:2]
    steps = [step(frames[:, k], np.ones(streams, np.float32)) for k in range(count)]
    ended = np.zeros(streams, np.float32)
    steps += [step(np.zeros_like(frames[:, 0]), ended) for _ in range(look_ahead)]
    outputs = {name: np.stack([one[name] for one in steps], axis=1) for name in steps[0]}
    for name, values in outputs.items():
        if not np.isnan(values[:, :look_ahead]).all():
            sys.exit(f"{name} must be NaN in the first {look_ahead} steps")
    return {name: values[:, look_ahead:] for name, values in outputs.items()}
