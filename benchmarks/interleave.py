"""Timing that compares: candidates take turns, and ratios are taken within a round."""

import math
import time

import numpy as np


def interleave(candidates, rounds, advance, until=math.inf):
    """Times every candidate once per round, each round beginning with the next one.

    A machine that slows down for a while slows all candidates of a round, so their ratios within
    rounds are steadier than the times themselves.

    Args:
        candidates: Dictionary from names to functions that run once and return the seconds it
            took, or several figures. Each is called once more before the first round.
        rounds: Integer >= 1.
        advance: Called with a candidate's name after each of its `rounds + 1` calls.
        until: Time of `time.monotonic` after which no round begins but the first.

    Returns:
        Dictionary from names to arrays of seconds, a row per round.
    """
    names = list(candidates)
    seconds = {name: [] for name in names}
    for number in range(rounds + 1):
        if number > 1 and time.monotonic() > until:
            break
        start = number % len(names)
        for name in names[start:] + names[:start]:
            elapsed = candidates[name]()
            if number > 0:
                seconds[name].append(elapsed)
            advance(name)
    return {name: np.array(values) for name, values in seconds.items()}


def median_ratio(numerator, denominator):
    """Returns the median over the rounds of one candidate's time over another's."""
    return float(np.median(np.asarray(numerator) / np.asarray(denominator)))
