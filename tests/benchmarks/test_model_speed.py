import numpy as np
import pytest

from benchmarks.model_runs import GOALS, PRESETS, RUNTIMES, make_groups
from benchmarks.model_speed import check_agreement, check_runtimes
from benchmarks.runtimes.model_run import ModelRun
from gsf_tf.errors import UserError

RUNS = [ModelRun(runtime, "x", "gsf_resnet50") for runtime in ("tensorflow", "pytorch")]


def test_equal_logits_pass():
    check_agreement({RUNS[0]: np.array([[1.0, -2.0]]), RUNS[1]: np.array([[1.001, -2.0]])})


@pytest.mark.parametrize("other", [[1.0, -2.1], [1.0, np.nan]])
def test_different_logits_end_the_benchmark(other):
    with pytest.raises(UserError, match="gsf_resnet50 tensorflow x and gsf_resnet50 pytorch x"):
        check_agreement({RUNS[0]: np.array([[1.0, -2.0]]), RUNS[1]: np.array([other])})


def test_training_has_no_logits_to_compare():
    check_agreement({RUNS[0]: None, RUNS[1]: None})


@pytest.mark.parametrize(
    "runtimes", [["tensorflow", "tensorrt"], ["pytorch"], ["tensorflow", "openvino"]]
)
def test_runtimes_that_cannot_run_are_refused(runtimes):
    with pytest.raises(UserError, match="--runtimes must name"):
        check_runtimes(runtimes)


def test_runtimes_that_can_run():
    for runtimes in (["tensorflow"], ["tensorflow", "pytorch"], list(RUNTIMES)):
        check_runtimes(runtimes)


def test_two_clips_are_trained_where_their_goal_is():
    groups = make_groups(PRESETS, RUNTIMES, quick=False)
    (group,) = [group for group in groups if group.batch == 2]
    names = [run.name for run in group.runs]
    assert names == ["gsf_resnet50 tensorflow step", "gsf_resnet50 pytorch eager"]
    (goal,) = [goal for goal in GOALS if goal.batch == 2]
    assert [other for other in groups if goal.applies_to(other)] == [group]
    seconds = {names[0]: [1.0, 1.0], names[1]: [1.4, 1.4]}
    assert goal.verdict(seconds)[2:] == ("0.71", "met")
