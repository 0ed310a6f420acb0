"""Fixtures that several floors use."""

import os

import pytest
import tensorflow as tf

# Two replicas on one machine; it has to be said before TensorFlow starts its devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

REQUIRE_COMPILED = "GSF_TF_REQUIRE_COMPILED"


def pytest_addoption(parser):
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="also the tests that repeat others on larger networks (`make test-all`)",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "exhaustive: runs only with --exhaustive")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--exhaustive"):
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(params=["reference", "compiled"])
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
