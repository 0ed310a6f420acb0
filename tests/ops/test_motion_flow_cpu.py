"""The CPU kernels of the motion flow through their C interface."""

import ctypes
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.ops.vector_widths import results_by_width

REASON = "only a checkout has the references and the structures of the kernels"
references = pytest.importorskip("custom_ops.cuda_check.references", reason=REASON)
calls = pytest.importorskip("custom_ops.cuda_check.calls", reason=REASON)

# Clips, frames, height, width, channels, window: rows with a rest beside whole vectors, a window
# that is larger than the map, more displacements than registers.
CASES = [(2, 3, 5, 18, 7, 5), (1, 2, 3, 4, 20, 9), (1, 4, 2, 33, 3, 41)]
SIGMA, TEMPERATURE = 3.0, 8.0
compiled = pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)


def load(path):
    kernels = ctypes.CDLL(str(path))
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    kernels.gsf_motion_flow_workspace_cpu.restype = integer
    kernels.gsf_motion_flow_normalize_cpu.argtypes = [*[pointer] * 3, integer, integer]
    kernels.gsf_motion_flow_cpu.argtypes = [*[pointer] * 4, integer, integer]
    kernels.gsf_motion_flow_gradient_cpu.argtypes = [*[pointer] * 5, integer, integer]
    return kernels


@pytest.fixture
def kernels(ops_path):
    from gsf_tf.ops import library

    return load(library.LIBRARY_PATH)


def arrays(case, dtype):
    clips, frames, *size, channels, _ = case
    rng = np.random.default_rng(0)
    x = rng.normal(size=(clips * frames, *size, channels)).astype(dtype)
    return x, rng.normal(size=(*x.shape[:3], 3)).astype(dtype)


def run(kernels, case, dtype, rows=10**6, threads=1):
    """Flow, saved numbers and gradient; so many rows at a time, the last ones first."""
    x, upstream = arrays(case, dtype)
    frames, height, width, channels = x.shape
    segments, window = case[1], case[-1]
    shape = calls.MotionFlowShape(
        frames, segments, height, width, channels, window, SIGMA, TEMPERATURE, calls.DTYPES[dtype]
    )
    pairs = frames - frames // segments
    workspace = np.full(
        kernels.gsf_motion_flow_workspace_cpu(ctypes.byref(shape)) // x.itemsize, np.nan, dtype
    )
    y, gradient = np.full_like(upstream, np.nan), np.full_like(x, np.nan)
    saved = np.full((pairs, height, calls.MOTION_FLOW_SAVED, width), np.nan, dtype)
    units = frames * height
    ranges = [(first, min(first + rows, units)) for first in range(0, units, rows)]

    def in_ranges(name, *used):
        function = getattr(kernels, f"gsf_motion_flow_{name}")
        pointers = [array.ctypes.data for array in used]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda bounds: function(*pointers, ctypes.byref(shape), *bounds), ranges))

    ranges.reverse()
    in_ranges("normalize_cpu", x, workspace)
    in_ranges("cpu", workspace, y, saved)
    in_ranges("gradient_cpu", workspace, saved, upstream, gradient)
    return {"y": y, "saved": saved, "d_x": gradient}


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_bits_however_the_work_is_divided(kernels, case, dtype):
    whole = run(kernels, case, dtype)
    x, upstream = (array.astype("float64") for array in arrays(case, dtype))
    expected = references.motion_flow(x, case[1], case[-1], SIGMA, TEMPERATURE, upstream)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for name, array in expected.items():
        np.testing.assert_allclose(whole[name], array, rtol=tolerance, atol=tolerance, err_msg=name)
    for rows, threads in [(1, 4), (3, 2)]:
        divided = run(kernels, case, dtype, rows, threads)
        assert all(divided[name].tobytes() == whole[name].tobytes() for name in whole)


@compiled
def test_the_workspace_does_not_hold_the_displacements(kernels):
    """It is the features with zeros at both ends of a row, and their lengths."""
    for window in (5, 41):
        shape = calls.MotionFlowShape(
            8, 8, 64, 64, 16, window, SIGMA, TEMPERATURE, calls.DTYPES["float32"]
        )
        elements = 8 * 64 * (64 + 2 * (window // 2)) * 16 + 8 * 64 * 64
        found = kernels.gsf_motion_flow_workspace_cpu(ctypes.byref(shape)) / 4
        assert elements <= found < 1.01 * elements


@compiled
def test_results_hardly_depend_on_the_instruction_set(kernels, tmp_path):
    here = [array for case in CASES for array in run(kernels, case, "float32").values()]
    for there in results_by_width(__name__, tmp_path):
        for one, other in zip(here, there, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
