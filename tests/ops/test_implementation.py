import contextvars
import re
import threading

import pytest

from gsf_tf import ops
from gsf_tf.ops import implementation, library


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv("GSF_TF_OPS", raising=False)


def status_of_shift():
    return next(status for status in ops.op_status() if status.op == "temporal_shift")


def test_context_goes_before_the_environment(ops_path, monkeypatch):
    monkeypatch.setenv("GSF_TF_OPS", "reference" if ops_path == "compiled" else "compiled")
    assert ops.implementation_of("temporal_shift") == ops_path


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize(
    "value, expected",
    [
        ("", "compiled"),
        ("auto", "compiled"),
        ("compiled", "compiled"),
        ("reference", "reference"),
        ("temporal_shift=reference", "reference"),
        ("reference, temporal_shift=auto", "compiled"),
        ("temporal_shift=reference,compiled", "compiled"),
    ],
)
def test_environment(ops_path, monkeypatch, value, expected):
    monkeypatch.setenv("GSF_TF_OPS", value)
    outside_of_ops_path = contextvars.Context()
    assert outside_of_ops_path.run(ops.implementation_of, "temporal_shift") == expected


@pytest.mark.parametrize("value", ["fast", "temporal_shift=fast", "rubik=auto", "=auto", "auto,"])
def test_unknown_value(monkeypatch, value):
    def expected(name):
        return re.escape(
            f"{name} must be one of auto, compiled, reference, or OP=one of these with OP in "
            f"{sorted(library.OPS)}, or several separated by commas. Received: {name}={value!r}"
        )

    with pytest.raises(ValueError, match=expected("implementation")):
        with ops.use_implementation(value):
            pass
    monkeypatch.setenv("GSF_TF_OPS", value)
    with pytest.raises(ValueError, match=expected("GSF_TF_OPS")):
        ops.implementation_of("temporal_shift")


def test_unknown_op():
    with pytest.raises(ValueError, match=r"one of \['can_read', .*\]\. Received: op='shift'"):
        ops.implementation_of("shift")


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_contexts_nest_and_end(ops_path):
    with ops.use_implementation("temporal_shift=reference"):
        assert ops.implementation_of("temporal_shift") == "reference"
        with ops.use_implementation("compiled"):
            assert ops.implementation_of("temporal_shift") == "compiled"
        assert ops.implementation_of("temporal_shift") == "reference"
    assert ops.implementation_of("temporal_shift") == "compiled"


def test_context_is_of_its_thread(monkeypatch):
    monkeypatch.setenv("GSF_TF_OPS", "reference")
    reasons = []
    with ops.use_implementation("temporal_shift=reference"):
        reasons.append(implementation.reference_reason("temporal_shift"))
        thread = threading.Thread(
            target=lambda: reasons.append(implementation.reference_reason("temporal_shift"))
        )
        thread.start()
        thread.join()
    assert reasons == ["chosen by use_implementation", "chosen by GSF_TF_OPS"]


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_library_without_cuda_beside_a_gpu(ops_path, monkeypatch):
    monkeypatch.setattr(implementation, "_has_gpu", lambda: True)
    monkeypatch.setattr(library, "kernel_devices", lambda op: ("cpu",))
    assert ops.implementation_of("temporal_shift") == "compiled"
    with ops.use_implementation("auto"):
        assert ops.implementation_of("temporal_shift") == "reference"
        assert status_of_shift().reason == (
            "the compiled library was built without CUDA and there is a GPU"
        )


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_status_of_the_compiled_library(ops_path):
    status = status_of_shift()
    assert status.implementation == "compiled"
    assert status.reason is None
    assert "cpu" in status.devices
    assert ("gpu" in status.devices) == (library.build_info()["cuda"] is not None)
