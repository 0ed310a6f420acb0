"""Equation (7) of the RubiksNet paper in float64."""

import numpy as np


def numpy_attention(attention, temperature):
    """W_attnshift of `[3, C]` at a temperature by which it is divided."""
    attention = np.array(attention, "float64")
    deviation = np.std(attention, axis=0, ddof=1) + 1e-6
    powers = np.exp(attention / deviation / temperature)
    return powers / powers.sum(axis=0)
