import time

import numpy as np

from benchmarks.interleave import interleave, median_ratio


def test_candidates_take_turns_and_each_begins_a_round():
    order = []
    candidates = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    interleave(candidates, rounds=3, advance=lambda name: None)
    assert "".join(order) == "abc" + "bca" + "cab" + "abc"


def test_the_call_before_the_first_round_does_not_count():
    times = iter([100.0, 1.0, 2.0, 3.0])
    calls = []
    seconds = interleave({"a": lambda: next(times)}, rounds=3, advance=calls.append)
    np.testing.assert_array_equal(seconds["a"], [1.0, 2.0, 3.0])
    assert calls == ["a"] * 4


def test_a_slow_phase_of_the_machine_leaves_the_ratio():
    phases = np.array([1.0, 1.0, 50.0, 50.0, 50.0])
    assert median_ratio(3.0 * phases, 2.0 * phases) == 1.5
    # While the ratio of medians of other rounds would not be it.
    assert median_ratio([3.0, 150.0, 3.0], [2.0, 100.0, 2.0]) == 1.5


def test_no_round_but_the_first_begins_when_the_time_is_over():
    calls = []
    candidates = {name: lambda: (1.0, 2.0) for name in "ab"}
    seconds = interleave(candidates, rounds=5, advance=calls.append, until=time.monotonic())
    assert "".join(calls) == "ab" + "ba"
    np.testing.assert_array_equal(seconds["b"], [[1.0, 2.0]])
