"""Fixtures that several floors use."""

import gc
import os

import pytest
import tensorflow as tf

from tests import program_forks

# PyTorch's threads (OpenMP) wait by spinning: beside another worker of pytest, two of them took
# more than half of the processor's time. The value is read when PyTorch is loaded, in child
# processes too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Two replicas on one machine; it has to be said before TensorFlow starts its devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

REQUIRE_COMPILED = "GSF_TF_REQUIRE_COMPILED"
OPS_PATHS = ("reference", "compiled")


def pytest_addoption(parser):
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="also the tests that repeat others on other networks or joined (`make test-all`)",
    )
    parser.addoption(
        "--ops-path",
        choices=OPS_PATHS,
        help="of the tests that run on both paths of `gsf_tf.ops`, this half only",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "exhaustive: runs only with --exhaustive")


def pytest_unconfigure():
    program_forks.stop()


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if _is_left_out(item, config)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish():
    """Spares the garbage collector what lives until the end: half a million objects of imports.

    Of the others it looks at all less often: that took a twentieth of the processor's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], 30)


def _is_left_out(item, config):
    if item.get_closest_marker("exhaustive") and not config.getoption("--exhaustive"):
        return True
    path = config.getoption("--ops-path")
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return path is not None and parameters.get("ops_path", path) != path


@pytest.fixture(params=OPS_PATHS)
def ops_path(request):
    """Runs a test on the reference path and on the compiled kernels of `gsf_tf.ops`.

    Where there is no compiled library, that half is skipped with the doctor's reason, or fails when
    the environment sets GSF_TF_REQUIRE_COMPILED=1.
    """
    from gsf_tf import ops
    from gsf_tf.ops import library

    if request.param == "compiled" and library.load().raw is None:
        reason = library.load().reason
        if os.environ.get(REQUIRE_COMPILED) == "1":
            pytest.fail(f"{REQUIRE_COMPILED}=1, but {reason}")
        pytest.skip(reason)
    with ops.use_implementation(request.param):
        yield request.param
