"""Where the temporal shifts of an inflated RubiksNet begin."""

import keras

from gsf_tf.layers import ShiftFolds

# Of "noisy_folds", and of the shift initializer "heuristic" of the presets.
NOISE = 0.1

_STARTS = {
    "folds": ShiftFolds,
    "noisy_folds": lambda: ShiftFolds(noise=NOISE),
    "uniform": lambda: keras.initializers.RandomUniform(-1, 1),
}


def temporal_start(name: str) -> keras.initializers.Initializer:
    """Returns the initializer of temporal shifts `[1, C]` for a name.

    Args:
        name: `"folds"`, those of TSM, as the authors' code by default; `"noisy_folds"`, with
            uniform noise in [-0.1, 0.1) around them; or `"uniform"` in [-1, 1).

    Raises:
        ValueError: If the name is another.
    """
    if name not in _STARTS:
        raise ValueError(
            f"The start of temporal shifts must be one of {', '.join(_STARTS)}. Received: {name!r}"
        )
    return _STARTS[name]()


def is_temporal_start(name) -> bool:
    """Returns whether a value is a name for `temporal_start`."""
    return isinstance(name, str) and name in _STARTS
