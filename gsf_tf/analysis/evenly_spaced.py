"""The choice of some of many values."""

import numpy as np


def evenly_spaced(values, count):
    """Returns the first, the last and evenly spaced values between them, `count` in all.

    Args:
        values: List.
        count: Largest number of values, at least 1.
    """
    places = np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int)
    return [values[place] for place in places]
