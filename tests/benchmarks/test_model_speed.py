import numpy as np
import pytest

from benchmarks.model_runs import RUNTIMES
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
