"""Finds the numbers that are missing in a sequence, however large they are."""

import itertools
from collections.abc import Collection


def number_gaps(
    numbers: Collection[int], first: int, last: int, limit: int
) -> tuple[int, list[int]]:
    """Returns how many whole numbers of a range are missing, and the first of them.

    The work depends on how many numbers there are, and not on their size: one file of a folder may
    be called 9999999999.jpg.

    Args:
        numbers: The numbers that are there, each once; a set or the keys of a dictionary.
        first: First number of the range.
        last: Last number of the range.
        limit: How many of the missing numbers are listed, at most.
    """
    missing = last - first + 1 - sum(first <= number <= last for number in numbers)
    listed = (number for number in range(first, last + 1) if number not in numbers)
    return missing, list(itertools.islice(listed, min(limit, missing)))
