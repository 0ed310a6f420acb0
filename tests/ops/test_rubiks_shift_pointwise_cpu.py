"""The CPU kernels of shift and convolution as one op through their C interface."""

import ctypes
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.ops.vector_widths import results_by_width

REASON = "only a checkout has the references and the structures of the kernels"
RubiksShiftPointwiseCase = pytest.importorskip(
    "custom_ops.cuda_check.cases", reason=REASON
).RubiksShiftPointwiseCase
compiled = pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)

# Near shifts in bands of one row and of several, far ones in several chunks of channels; filters
# of several vectors with shared columns, of one and of less.
CASES = [
    RubiksShiftPointwiseCase((2, 8, 5, 40, 54), shift=0.99, filters=54),
    RubiksShiftPointwiseCase((1, 4, 6, 5, 20), strides=(1, 2, 2), shift=0.9, filters=3),
    RubiksShiftPointwiseCase((2, 3, 7, 5, 150), strides=(2, 1, 1), shift=3.0, filters=16),
    RubiksShiftPointwiseCase((2, 1, 4, 5, 3), rows=2, quantized=True, shift=2.0, filters=9),
]


def load(path):
    kernels = ctypes.CDLL(str(path))
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    for name, result, *arguments in [
        ("new_plan", pointer, pointer, pointer, ctypes.c_int32),
        ("delete_plan", None, pointer),
        ("pointwise_units", integer, pointer),
        ("pointwise_gradient_units", integer, pointer),
        ("pointwise_sums", integer, pointer, integer),
        ("pointwise", None, *[pointer] * 4, integer, pointer, integer, integer),
        ("pointwise_gradient", None, *[pointer] * 3, integer, pointer, integer, integer),
        ("pointwise_add_sums", None, pointer, pointer, integer, pointer),
    ]:
        function = getattr(kernels, f"gsf_rubiks_shift_{name}_cpu")
        function.restype, function.argtypes = result, arguments
    return kernels


@pytest.fixture
def kernels(ops_path):
    from gsf_tf.ops import library

    return load(library.LIBRARY_PATH)


def run(kernels, case, dtype, size=10**6, threads=1):
    """y and the kernel's gradient; so many units at a time, the last ones first."""
    x, shift, kernel, addend, upstream = case.pointwise_arrays(dtype)
    struct = ctypes.byref(case.struct(dtype))
    plan = kernels.gsf_rubiks_shift_new_plan_cpu(shift.ctypes.data, struct, 0)
    y, gradient = np.full_like(upstream, np.nan), np.full_like(kernel, np.nan)
    sums = np.full(kernels.gsf_rubiks_shift_pointwise_sums_cpu(plan, case.filters), np.nan, dtype)

    def in_ranges(run, units):
        ranges = [(first, min(first + size, units)) for first in range(0, units, size)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda bounds: run(*bounds), reversed(ranges)))

    def forward(*bounds):
        pointers = [array.ctypes.data for array in (x, kernel, addend, y)]
        kernels.gsf_rubiks_shift_pointwise_cpu(*pointers, case.filters, plan, *bounds)

    def backward(*bounds):
        pointers = [array.ctypes.data for array in (x, upstream, sums)]
        kernels.gsf_rubiks_shift_pointwise_gradient_cpu(*pointers, case.filters, plan, *bounds)

    in_ranges(forward, kernels.gsf_rubiks_shift_pointwise_units_cpu(plan))
    in_ranges(backward, kernels.gsf_rubiks_shift_pointwise_gradient_units_cpu(plan))
    kernels.gsf_rubiks_shift_pointwise_add_sums_cpu(
        sums.ctypes.data, gradient.ctypes.data, case.filters, plan
    )
    kernels.gsf_rubiks_shift_delete_plan_cpu(plan)
    return {"y": y, "d_kernel": gradient}


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_bits_however_the_work_is_divided(kernels, case, dtype):
    whole, expected = run(kernels, case, dtype), case.expected(dtype)
    for name, array in whole.items():
        scale = np.abs(expected[name]).max()
        atol = scale * (1e-5 if dtype == "float32" else 1e-13)
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=atol)
    for size, threads in [(1, 4), (3, 2)]:
        divided = run(kernels, case, dtype, size, threads)
        assert all(divided[name].tobytes() == whole[name].tobytes() for name in whole)


@compiled
def test_results_hardly_depend_on_the_instruction_set(kernels, tmp_path):
    here = [array for case in CASES for array in run(kernels, case, "float32").values()]
    for there in results_by_width(__name__, tmp_path):
        for one, other in zip(here, there, strict=True):
            np.testing.assert_allclose(other, one, rtol=0, atol=1e-5 * np.abs(one).max())
