import numpy as np
import pytest

from benchmarks.speed_goal import SpeedGoal

SECONDS = {
    "ours": np.array([6.0, 5.0, 6.0]),
    "slow": np.array([20.0] * 3),
    "fast": np.full(3, 10.0),
}


@pytest.mark.parametrize(
    ("rivals", "limit", "result", "verdict"),
    [
        (("slow",), 0.6, "0.30", "met"),
        (("slow", "fast"), 0.6, "0.60", "met"),
        (("slow", "fast"), 0.5, "0.60", "missed"),
        (("fast", "absent"), 0.6, "0.60", "met"),
        (("absent",), 0.6, "-", "not measured"),
    ],
)
def test_the_fastest_rival_that_was_measured_counts(rivals, limit, result, verdict):
    goal = SpeedGoal("ours / theirs", "ours", rivals, limit)
    assert goal.verdict(SECONDS) == ("ours / theirs", f"<= {limit:.2f}", result, verdict)


def test_without_the_candidate_nothing_is_said():
    assert SpeedGoal("", "absent", ("fast",), 1.0).ratio(SECONDS) is None
