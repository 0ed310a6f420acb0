"""The CPU kernel of RubiksShift through its C interface."""

import ctypes
import mmap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gsf_tf.ops import library
from tests.ops.numpy_rubiks_shift import numpy_rubiks_shift, output_lengths

pytestmark = pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)

DTYPES = {"float32": 0, "float64": 3}
BFLOAT16 = 1
MAP_NORESERVE = 0x4000  # of Linux; the module `mmap` does not have it


class Shape(ctypes.Structure):
    """gsf_rubiks_shift_shape"""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("num_clips", "num_segments", "height", "width")),
        *((name, ctypes.c_int64) for name in ("channels", "time", "vertical", "horizontal")),
        *((name, ctypes.c_int32) for name in ("rows", "quantized", "dtype")),
    ]


@pytest.fixture
def kernels(ops_path):
    loaded = ctypes.CDLL(str(library.LIBRARY_PATH))
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    for name, result, *arguments in [
        ("new_plan", pointer, pointer, pointer, ctypes.c_int32),
        ("delete_plan", None, pointer),
        ("units", integer, pointer),
        ("gradient_units", integer, pointer),
        ("gradient_sums", integer, pointer),
        ("add_sums", None, pointer, pointer, pointer),
    ]:
        function = getattr(loaded, f"gsf_rubiks_shift_{name}_cpu")
        function.restype, function.argtypes = result, arguments
    loaded.gsf_rubiks_shift_cpu.argtypes = [*[pointer] * 3, integer, integer]
    loaded.gsf_rubiks_shift_gradient_cpu.argtypes = [*[pointer] * 5, integer, integer]
    return loaded


@pytest.fixture
def new_plan(kernels):
    plans = []

    def new_plan(shift, shape):
        shift = np.ascontiguousarray(shift)
        plans.append(
            kernels.gsf_rubiks_shift_new_plan_cpu(shift.ctypes.data, ctypes.byref(shape), 1)
        )
        return plans[-1]

    yield new_plan
    for plan in plans:
        kernels.gsf_rubiks_shift_delete_plan_cpu(plan)


def in_ranges(run, units, size, threads):
    """Runs ranges of at most `size` units on threads, the last range first."""
    ranges = [(first, min(first + size, units)) for first in range(0, units, size)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda bounds: run(*bounds), reversed(ranges)))


def value_and_gradients(kernels, plan, x, y_gradient, rows, size, threads):
    y, x_gradient = np.full_like(y_gradient, np.nan), np.full_like(x, np.nan)
    shift_gradient = np.full((rows, x.shape[-1]), np.nan, x.dtype)
    sums = np.full(kernels.gsf_rubiks_shift_gradient_sums_cpu(plan), np.nan)

    def forward(first, last):
        kernels.gsf_rubiks_shift_cpu(x.ctypes.data, y.ctypes.data, plan, first, last)

    def gradient(first, last):
        arrays = (x, y_gradient, x_gradient, sums)
        pointers = [array.ctypes.data for array in arrays]
        kernels.gsf_rubiks_shift_gradient_cpu(*pointers, plan, first, last)

    in_ranges(forward, kernels.gsf_rubiks_shift_units_cpu(plan), size, threads)
    in_ranges(gradient, kernels.gsf_rubiks_shift_gradient_units_cpu(plan), size, threads)
    kernels.gsf_rubiks_shift_add_sums_cpu(sums.ctypes.data, shift_gradient.ctypes.data, plan)
    return y, x_gradient, shift_gradient


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "size, channels, rows, strides",
    [
        ((36, 4), 17, 3, (1, 1, 1)),
        ((37, 2), 8, 3, (2, 2, 1)),
        ((35, 3), 3, 2, (1, 1, 2)),
        ((1, 2), 150, 3, (1, 1, 1)),
    ],
)
@pytest.mark.parametrize("quantized", [0, 1])
def test_same_bits_however_the_work_is_divided(
    kernels, new_plan, dtype, size, channels, rows, strides, quantized
):
    clips, segments = 2, 3
    rng = np.random.default_rng(0)
    shift = rng.uniform(-2, 2, (rows, channels)).astype(dtype)
    x = rng.normal(size=(clips * segments, *size, channels)).astype(dtype)
    lengths = output_lengths((segments, *size), strides)
    y_gradient = rng.normal(size=(clips * lengths[0], *lengths[1:], channels)).astype(dtype)
    shape = Shape(clips, segments, *size, channels, *strides, rows, quantized, DTYPES[dtype])
    plan = new_plan(shift, shape)

    whole = value_and_gradients(kernels, plan, x, y_gradient, rows, 10**6, 1)
    mode = "quantized" if quantized else "interpolated"
    expected = numpy_rubiks_shift(x, shift, segments, strides, y_gradient, mode)
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    for our, their in zip(whole, expected, strict=True):
        np.testing.assert_allclose(our, their, rtol=tolerance, atol=tolerance)
    for units_at_once, threads in [(1, 4), (3, 2), (7, 1)]:
        divided = value_and_gradients(kernels, plan, x, y_gradient, rows, units_at_once, threads)
        for our, their in zip(divided, whole, strict=True):
            assert our.tobytes() == their.tobytes()


def test_more_elements_than_32_bits_count(kernels, new_plan):
    # Of three times 4.8 GB that are only reserved, the last rows are touched.
    height, width, channels = 70_001, 2_000, 17
    elements = height * width * channels
    assert elements > 2**31
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    x, y, x_gradient = (
        np.frombuffer(mmap.mmap(-1, 2 * elements, flags=flags), np.uint16).reshape(
            height, width, channels
        )
        for _ in range(3)
    )
    # The upper halves of float32 are bfloat16.
    values = np.arange(1, 8 * channels + 1, dtype=np.float32).reshape(2, 4, channels)
    x[-2:, -4:] = values.view(np.uint16)[..., 1::2]
    shift = np.ones((2, channels), np.float32)
    plan = new_plan(shift, Shape(1, 1, height, width, channels, 1, 1, 1, 2, 0, BFLOAT16))
    units = kernels.gsf_rubiks_shift_units_cpu(plan)
    kernels.gsf_rubiks_shift_cpu(x.ctypes.data, y.ctypes.data, plan, units - 2, units)
    assert x[-2:, -4:].all()
    np.testing.assert_array_equal(y[-2, -4:-1], x[-1, -3:])
    assert not y[-2, -1].any() and not y[-1].any()

    # With x in the place of the gradient of y.
    units = kernels.gsf_rubiks_shift_gradient_units_cpu(plan)
    sums = np.zeros(kernels.gsf_rubiks_shift_gradient_sums_cpu(plan))
    arrays = (x, x, x_gradient, sums)
    pointers = [array.ctypes.data for array in arrays]
    kernels.gsf_rubiks_shift_gradient_cpu(*pointers, plan, units - 1, units)
    np.testing.assert_array_equal(x_gradient[-1, -3:], x[-2, -4:-1])
    assert not x_gradient[-1, :-3].any() and not x_gradient[-2].any()
