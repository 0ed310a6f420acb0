"""Which cases of a full product run every time, and which with `make test-all` alone."""

import pytest

MARK = pytest.mark.exhaustive


def cases(values, every_time):
    """Returns the values as parameters of a test.

    Args:
        values: Cases, each a value or a tuple of them.
        every_time: Function of a case: whether it runs without `--exhaustive`. The cases for which
            it is true should meet every line of code and every kind of layer.
    """
    return [
        value if every_time(value) else pytest.param(*_arguments(value), marks=MARK)
        for value in values
    ]


def _arguments(value):
    return value if isinstance(value, tuple) else (value,)
