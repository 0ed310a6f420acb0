"""The CUDA kernels on the CPU: compiled by g++ with `cuda_on_cpu.h`, not run on a GPU.

This finds wrong indices, wrong arithmetic, writes outside an array, reads of memory that nobody
wrote and missing barriers. What only a GPU can show (launch limits, registers, caches, speed) is
for `python -m custom_ops.cuda_check`.
"""

import ctypes
import pathlib
import subprocess

import numpy as np
import pytest

from custom_ops.cuda_check import benchmarks, calls, cases

EMULATION = pathlib.Path(__file__).with_name("cuda_on_cpu.h")


@pytest.fixture
def kernels(library):
    return calls.Kernels(library, calls.HostMemory())


@pytest.mark.parametrize("dtype", calls.DTYPES)
@pytest.mark.parametrize("case", cases.SMALL_CASES, ids=str)
def test_kernels_equal_the_references_in_any_order_of_threads(kernels, case, dtype):
    reverse = kernels.library.cuda_on_cpu_reverse
    try:
        assert cases.check(case, kernels, dtype, again=lambda: reverse(1))[0] == []
    finally:
        reverse(0)


@pytest.mark.parametrize("case", cases.WIDE_CASES, ids=str)
def test_more_channels_than_a_block_holds(kernels, case):
    assert cases.check(case, kernels, "float32")[0] == []


@pytest.mark.parametrize("dtype", calls.DTYPES)
@pytest.mark.parametrize(
    "case",
    [
        cases.TemporalShiftCase((8, 5, 16), 4, 4),
        cases.RubiksShiftCase((1, 3, 4, 5, 8)),
        cases.RubiksShiftPointwiseCase((1, 3, 2, 3, 8)),
        cases.GateShiftFuseCase((1, 2, 3, 4, 8), 8),
        cases.MotionFlowCase((1, 2, 2, 2, 4), 3),
    ],
    ids=str,
)
def test_arrays_that_are_not_aligned_for_vectors(library, case, dtype):
    kernels = calls.Kernels(library, calls.HostMemory(), offset=1)
    assert cases.check(case, kernels, dtype)[0] == []


def test_shifts_without_end_read_zero_and_shifts_that_are_no_number_show(kernels):
    case = cases.RubiksShiftCase((1, 2, 3, 3, 4))
    x, shift, upstream = case.arrays("float32")
    shift[1] = [np.inf, -1e30, np.nan, 0]
    y = kernels.rubiks_shift(x, shift, case.struct("float32"), "float32", upstream)["y"]
    assert np.all(y[..., :2] == 0)
    assert np.all(np.isnan(y[..., 2]))
    assert np.all(np.isfinite(y[..., 3]))


@pytest.mark.parametrize("fusion", [True, False])
def test_gate_shift_fuse_of_nothing_has_gradients_of_zero(kernels, fusion):
    case = cases.GateShiftFuseCase((0, 2, 3, 3, 8), 8, fusion=fusion)
    x, weights, upstream = case.arrays("float32")
    results = kernels.gate_shift_fuse(x, weights, case.struct("float32"), "float32", upstream, 0)
    assert results["y"].shape == x.shape
    names = [name for name in weights if name not in ("mean", "variance")]
    assert all(np.all(results[f"d_{name}"] == 0) for name in names)


@pytest.mark.parametrize(
    "case, runs",
    [
        (cases.TemporalShiftCase((4, 3, 2, 8), 2, 2), 1),
        (cases.RubiksShiftCase((1, 2, 3, 3, 4), strides=(1, 2, 2)), 2),
        (cases.RubiksShiftPointwiseCase((1, 2, 3, 3, 4)), 2),
        (cases.GateShiftFuseCase((1, 2, 3, 3, 8), 4), 3),
        (cases.MotionFlowCase((1, 2, 2, 2, 4), 3), 2),
    ],
    ids=str,
)
def test_the_benchmark_calls_every_kernel_within_its_arrays(kernels, case, runs):
    with kernels.session() as arrays:
        prepared = benchmarks.prepare(case, kernels, arrays, "float16")
        assert len(prepared) == runs
        for run in prepared:
            for enqueue in run.enqueues:
                enqueue(None)
        arrays.check_guards()


def test_an_unknown_dtype_is_an_error(kernels):
    case = cases.RubiksShiftCase((1, 2, 3, 3, 4))
    struct = case.struct("float32")
    struct.dtype = 7
    with pytest.raises(calls.KernelError, match="gsf_rubiks_shift_cuda returned 1"):
        kernels.call("rubiks_shift_cuda", 0, 0, 0, struct)


def test_the_stand_ins_for_half_precision_round_as_numpy_does(library, tmp_path):
    source = tmp_path / "round.cc"
    source.write_text(
        "template <typename T> void Round(const float* x, float* y, int n) {"
        "  for (int i = 0; i < n; ++i) y[i] = static_cast<float>(static_cast<T>(x[i]));"
        "}"
        'extern "C" void float16(const float* x, float* y, int n) { Round<__half>(x, y, n); }'
        'extern "C" void bfloat16(const float* x, float* y, int n) {'
        "  Round<__nv_bfloat16>(x, y, n);"
        "}"
    )
    command = ["g++", "-std=c++17", "-O1", "-fPIC", "-shared", "-include", str(EMULATION)]
    subprocess.run([*command, source, "-o", tmp_path / "round.so"], check=True)
    rounding = ctypes.CDLL(str(tmp_path / "round.so"))
    bits = np.random.default_rng(0).integers(0, 2**32, 20000, np.uint64).astype(np.uint32)
    near = np.random.default_rng(1).normal(size=20000) * 2.0 ** np.repeat(np.arange(-30, 20), 400)
    x = np.concatenate([bits.view(np.float32), near.astype(np.float32)])
    x = np.concatenate([x[np.abs(x) < 3e38], np.float32([0, -0.0, np.inf, -np.inf, 65519, 65520])])
    for dtype in ("float16", "bfloat16"):
        y = np.empty_like(x)
        getattr(rounding, dtype)(
            x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p), len(x)
        )
        with np.errstate(over="ignore"):
            expected = calls.decode(calls.encode(x, dtype), dtype)
        np.testing.assert_array_equal(y, expected)
