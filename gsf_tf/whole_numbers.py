"""Whole numbers among the arguments."""

import operator
from typing import Any

import numpy as np


def is_whole(value: Any, low: int, high: int = 2**63 - 1) -> bool:
    """Returns whether a value is a whole number in low..high; True and False are none.

    Args:
        value: Any value. Integers of NumPy are whole numbers, too.
        low: Smallest number.
        high: Largest number.
    """
    try:
        return not isinstance(value, bool | np.bool_) and low <= operator.index(value) <= high
    except TypeError:
        return False
