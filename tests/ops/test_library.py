import hashlib
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.ops import implementation, library

RUNNING_MINOR = ".".join(tf.__version__.split(".")[:2])


def forget():
    library.load.cache_clear()
    library.kernel_devices.cache_clear()
    implementation._warned.clear()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Stands a library and a build info, as bytes and as a dictionary, where ours would be."""
    monkeypatch.delenv("GSF_TF_OPS", raising=False)
    monkeypatch.setattr(library, "LIBRARY_PATH", tmp_path / "_gsf_tf_ops.so")
    monkeypatch.setattr(library, "BUILD_INFO_PATH", tmp_path / "_build_info.json")
    forget()

    def install(content=None, **info):
        if content is not None:
            library.LIBRARY_PATH.write_bytes(content)
        if info:
            library.BUILD_INFO_PATH.write_text(json.dumps(info))

    yield install
    forget()


def shift():
    return ops.temporal_shift(tf.ones([2, 4]), num_segments=2, fold=1).numpy()


def status_of_shift():
    return next(status for status in ops.op_status() if status.op == "temporal_shift")


def assert_falls_back(reason):
    with pytest.warns(ops.ReferencePathWarning, match=reason) as record:
        result = shift()
    text = str(record[0].message)
    assert len(record) == 1
    assert "slower" in text
    assert "pip install --no-build-isolation ." in text
    assert "set GSF_TF_OPS=reference" in text
    np.testing.assert_array_equal(result, [[1, 0, 1, 1], [0, 1, 1, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shift()
    assert ops.implementation_of("temporal_shift") == "reference"
    status = status_of_shift()
    assert status[:3] == ("temporal_shift", "reference", ())
    with ops.use_implementation("compiled"), pytest.raises(RuntimeError, match=reason):
        shift()


def test_no_library(install):
    assert_falls_back(r"the compiled library was not built\. ")


def test_build_that_failed(install):
    install(failure="there is no cmake")
    assert_falls_back("was not built: there is no cmake")


def test_build_info_that_cannot_be_read(install):
    library.BUILD_INFO_PATH.write_text("{")
    assert_falls_back("was not built")


def test_other_tensorflow(install):
    install(b"", tensorflow="2.9.3")
    assert_falls_back(rf"for TensorFlow 2\.9\.3, this is TensorFlow {RUNNING_MINOR}")


def test_missing_library_beside_its_build_info(install):
    install(tensorflow=tf.__version__)
    assert_falls_back("cannot be read: No such file")


def test_library_cut_short(install):
    install(b"\x7fELF", tensorflow=tf.__version__, library_sha256="0" * 64)
    assert_falls_back("not the one its build info describes")


def test_library_that_does_not_load(install):
    content = b"not a shared library"
    digest = hashlib.sha256(content).hexdigest()
    install(content, tensorflow=tf.__version__, library_sha256=digest)
    assert_falls_back("does not load: .*_gsf_tf_ops.so")


def test_chosen_reference_path_does_not_warn(install, monkeypatch):
    monkeypatch.setenv("GSF_TF_OPS", "reference")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shift()
    assert status_of_shift().reason == "chosen by GSF_TF_OPS"


def test_status_does_not_raise_where_a_call_would(install, monkeypatch):
    monkeypatch.setenv("GSF_TF_OPS", "compiled")
    status = status_of_shift()
    assert status.implementation == "unavailable"
    assert "GSF_TF_OPS asks for the compiled temporal_shift, but" in status.reason


def test_import_loads_nothing():
    program = (
        "import gsf_tf; from gsf_tf.ops import library; print(library.load.cache_info().misses)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "0"
