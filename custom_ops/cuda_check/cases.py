"""Cases of the CUDA kernels, and how their results compare with the float64 references."""

import dataclasses

import numpy as np

from custom_ops.cuda_check import calls, references
from custom_ops.cuda_check.calls import DTYPES, decode, encode, real

# Half a unit in the last place of 1, and of the smallest numbers.
ROUNDING = {
    "float32": (2.0**-24, 2.0**-150),
    "bfloat16": (2.0**-8, 2.0**-134),
    "float16": (2.0**-11, 2.0**-25),
    "float64": (2.0**-53, 2.0**-1075),
}
# Of the largest number: what rounding adds up to in sums of some hundred numbers.
SUM_ERROR = {"float32": 4e-6, "float64": 1e-13}


@dataclasses.dataclass(frozen=True)
class TemporalShiftCase:
    shape: tuple
    num_segments: int
    fold: int
    reverse: bool = False
    causal: bool = False

    op = "temporal_shift"

    def arrays(self, dtype):
        return (encode(np.random.default_rng(0).normal(size=self.shape), dtype),)

    def run(self, kernels, dtype):
        (x,) = self.arrays(dtype)
        return {"y": kernels.temporal_shift(x, *self._how())}

    def expected(self, dtype):
        (x,) = self.arrays(dtype)
        return {"y": decode(references.temporal_shift(x, *self._how()), dtype)}

    def _how(self):
        return self.num_segments, self.fold, self.reverse, self.causal


@dataclasses.dataclass(frozen=True)
class RubiksShiftCase:
    """`shift` is the largest shift; some channels get integers and halves."""

    shape: tuple  # clips, frames, height, width, channels
    strides: tuple = (1, 1, 1)
    rows: int = 3
    quantized: bool = False
    shift: float = 1.0

    op = "rubiks_shift"

    def struct(self, dtype):
        return calls.RubiksShiftShape(
            *self.shape, *self.strides, self.rows, self.quantized, DTYPES[dtype]
        )

    def output_shape(self):
        clips, *lengths, channels = self.shape
        strides = (1, *self.strides[1:]) if self.rows == 2 else self.strides
        frames, *outputs = (-(-n // s) for n, s in zip(lengths, strides, strict=True))
        return (clips * frames, *outputs, channels)

    def arrays(self, dtype):
        clips, frames, *rest = self.shape
        random = np.random.default_rng(1)
        x = encode(random.normal(size=(clips * frames, *rest)), dtype)
        upstream = encode(random.normal(size=self.output_shape()), dtype)
        shift = random.uniform(-self.shift, self.shift, (self.rows, self.shape[-1]))
        special = random.random(shift.shape) < 0.3
        shift = np.where(special, np.round(2 * shift) / 2, shift).astype(real(dtype))
        return x, shift, upstream

    def run(self, kernels, dtype):
        x, shift, upstream = self.arrays(dtype)
        return kernels.rubiks_shift(x, shift, self.struct(dtype), dtype, upstream)

    def expected(self, dtype):
        x, shift, upstream = self.arrays(dtype)
        results = references.rubiks_shift(
            decode(x, dtype),
            shift.astype(np.float64),
            self.shape[1],
            self.strides,
            self.quantized,
            decode(upstream, dtype),
        )
        return dict(zip(("y", "d_x", "d_shift"), results, strict=True))


@dataclasses.dataclass(frozen=True)
class RubiksShiftPointwiseCase(RubiksShiftCase):
    """The same, and the 1x1 convolution after it."""

    filters: int = 4
    adds: bool = True

    op = "rubiks_shift_pointwise"

    def pointwise_arrays(self, dtype):
        x, shift, _ = self.arrays(dtype)
        if real(dtype) != dtype:
            # Shifted pixels that the type holds, for both sides to round them alike.
            x = encode(np.round(2 * decode(x, dtype)), dtype)
            shift = np.round(2 * shift) / 2
        random = np.random.default_rng(3)
        kernel = random.normal(size=(self.shape[-1], self.filters)).astype(real(dtype))
        size = (*self.output_shape()[:-1], self.filters)
        addend, upstream = (encode(random.normal(size=size), dtype) for _ in range(2))
        return x, shift, kernel, addend if self.adds else None, upstream

    def run(self, kernels, dtype):
        *arrays, upstream = self.pointwise_arrays(dtype)
        return kernels.rubiks_shift_pointwise(*arrays, self.struct(dtype), dtype, upstream)

    def expected(self, dtype):
        x, shift, kernel, addend, upstream = self.pointwise_arrays(dtype)
        shifted, *_ = references.rubiks_shift(
            decode(x, dtype),
            shift.astype(np.float64),
            self.shape[1],
            self.strides,
            self.quantized,
            np.zeros(self.output_shape()),
        )
        shifted = decode(encode(shifted, dtype), dtype)
        y = shifted @ kernel.astype(np.float64)
        if addend is not None:
            y += decode(addend, dtype)
        d_kernel = np.einsum("nhwc,nhwf->cf", shifted, decode(upstream, dtype))
        return {"y": y, "d_kernel": d_kernel}


@dataclasses.dataclass(frozen=True)
class GateShiftFuseCase:
    shape: tuple  # clips, frames, height, width, channels
    processed: int
    training: bool = True
    fusion: bool = True
    in_place: bool = False
    causal: bool = False
    epsilon: float = 1e-5

    op = "gate_shift_fuse"

    def struct(self, dtype):
        clips, frames, height, width, channels = self.shape
        return calls.GateShiftFuseShape(
            clips * frames, frames, height, width, channels, self.processed, self.epsilon,
            self.training, self.fusion, self.causal, DTYPES[dtype],
        )  # fmt: skip

    def arrays(self, dtype):
        clips, frames, *rest = self.shape
        random = np.random.default_rng(2)
        # The mean is far from zero, as sums of squares would not like it.
        x = encode(2 + random.normal(size=(clips * frames, *rest)), dtype)
        return x, self.weights(dtype), encode(random.normal(size=x.shape), dtype)

    def weights(self, dtype):
        random = np.random.default_rng(4)
        half = self.processed // 2
        weights = {
            "gamma": random.uniform(0.5, 1.5, self.processed),
            "beta": random.normal(size=self.processed),
            "mean": 2 + random.normal(size=self.processed) / 4,
            "variance": random.uniform(0.5, 1.5, self.processed),
            "gate_kernel": random.normal(size=(3, 3, 3, half, 2)) / np.sqrt(27 * half),
            "gate_bias": random.normal(size=2) / 4,
        }
        if self.fusion:
            weights["fusion_kernel"] = random.normal(size=(2, 3, 3, 2)) / 4
            weights["fusion_bias"] = random.normal(size=2) / 4
        return {name: array.astype(real(dtype)) for name, array in weights.items()}

    def run(self, kernels, dtype):
        x, weights, upstream = self.arrays(dtype)
        return kernels.gate_shift_fuse(
            x, weights, self.struct(dtype), dtype, upstream, self.in_place
        )

    def expected(self, dtype):
        x, weights, upstream = self.arrays(dtype)
        return references.gate_shift_fuse(
            decode(x, dtype),
            {name: array.astype(np.float64) for name, array in weights.items()},
            self.shape[1],
            self.processed,
            self.epsilon,
            self.training,
            decode(upstream, dtype),
            self.causal,
        )


@dataclasses.dataclass(frozen=True)
class MotionFlowCase:
    """At a higher temperature, the exponential would enlarge what rounding adds up to."""

    shape: tuple  # clips, frames, height, width, channels
    window: int
    sigma: float = 3.0
    temperature: float = 8.0

    op = "motion_flow"

    def struct(self, dtype):
        clips, frames, height, width, channels = self.shape
        return calls.MotionFlowShape(
            clips * frames, frames, height, width, channels, self.window, self.sigma,
            self.temperature, DTYPES[dtype],
        )  # fmt: skip

    def arrays(self, dtype):
        clips, frames, *rest = self.shape
        random = np.random.default_rng(5)
        x = encode(random.normal(size=(clips * frames, *rest)), dtype)
        return x, encode(random.normal(size=(*x.shape[:3], 3)), dtype)

    def run(self, kernels, dtype):
        x, upstream = self.arrays(dtype)
        return kernels.motion_flow(x, self.struct(dtype), dtype, upstream)

    def expected(self, dtype):
        x, upstream = self.arrays(dtype)
        return references.motion_flow(
            decode(x, dtype),
            self.shape[1],
            self.window,
            self.sigma,
            self.temperature,
            decode(upstream, dtype),
        )


def errors(results, expected, dtype):
    """Returns for every array how far it is from `expected`: 1 is what rounding explains.

    Arrays of the element type may be off by their own rounding and by that of the sums; the
    others, which are in float32 or float64, by that of the sums alone. What is not a number, or
    an array of another shape, is infinitely far.
    """
    if results.keys() != expected.keys():
        raise ValueError(f"The arrays must be {sorted(expected)}. Received: {sorted(results)}")
    return {name: np.max(_distance(results, expected, dtype, name), initial=0) for name in results}


def _distance(results, expected, dtype, name):
    kind = dtype if name in ("y", "d_x") else real(dtype).name
    got, want = decode(results[name], kind), np.asarray(expected[name])
    if got.shape != want.shape:
        return np.full(want.shape or (1,), np.inf)
    relative, absolute = ROUNDING[kind]
    largest = np.max(np.abs(want), initial=0)
    allowed = relative * np.abs(want) + absolute + SUM_ERROR[real(dtype).name] * largest
    difference = np.abs(got - want)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.where(difference == 0, 0, difference / allowed)
    return np.where(np.isnan(distance), np.inf, distance)


def check(case, kernels, dtype, expected=None, again=lambda: None):
    """Returns what is wrong with a case, a line each, and the errors as `errors` measures them.

    Args:
        case: One of the cases of this module.
        kernels: `calls.Kernels`.
        dtype: Name of the element type.
        expected: What `case.expected(dtype)` returns, if it is known already.
        again: Called before the second run, which must give equal bits.
    """
    try:
        results = case.run(kernels, dtype)
        again()
        second = case.run(kernels, dtype)
    except calls.KernelError as error:
        return [f"{case} {dtype}: {error}"], {}
    expected = case.expected(dtype) if expected is None else expected
    found = errors(results, expected, dtype)
    lines = [_describe(results, expected, dtype, name) for name in found if found[name] > 1]
    lines += [
        f"{name}: the second run gives other bits"
        for name in results
        if results[name].tobytes() != second[name].tobytes()
    ]
    return [f"{case} {dtype}: {line}" for line in lines], found


def _describe(results, expected, dtype, name):
    distance = _distance(results, expected, dtype, name)
    if results[name].shape != distance.shape:
        return f"{name}: the shape is {results[name].shape} instead of {distance.shape}"
    worst = np.unravel_index(np.argmax(distance), distance.shape)
    got = decode(results[name], dtype if name in ("y", "d_x") else real(dtype).name)
    return (
        f"{name}: {np.sum(distance > 1)} of {distance.size} elements are wrong, the worst at "
        f"{tuple(map(int, worst))}: {got[worst]} instead of {expected[name][worst]}"
    )


SMALL_CASES = [
    TemporalShiftCase((8, 5, 4, 16), 4, 2),
    TemporalShiftCase((6, 3, 3, 9), 3, 4, reverse=True),
    TemporalShiftCase((8, 5, 4, 16), 4, 2, causal=True),
    TemporalShiftCase((6, 3, 3, 9), 3, 4, reverse=True, causal=True),
    TemporalShiftCase((2, 1, 2, 2), 1, 1),
    TemporalShiftCase((0, 4, 4, 8), 4, 2),
    RubiksShiftCase((2, 4, 7, 5, 12)),
    RubiksShiftCase((1, 3, 9, 11, 6), shift=3.5),
    RubiksShiftCase((2, 4, 6, 7, 5), strides=(1, 2, 2)),
    RubiksShiftCase((1, 7, 5, 6, 4), strides=(2, 3, 1), shift=2.0),
    RubiksShiftCase((1, 8, 3, 3, 20), strides=(3, 1, 1)),
    RubiksShiftCase((2, 3, 4, 5, 4), strides=(2**63 - 1,) * 3),
    RubiksShiftCase((2, 3, 5, 4, 8), quantized=True, shift=2.0),
    RubiksShiftCase((2, 3, 5, 4, 4), quantized=True, strides=(2, 2, 2), shift=1.0),
    RubiksShiftCase((2, 3, 6, 5, 4), rows=2),
    RubiksShiftCase((3, 1, 6, 5, 3), rows=2, quantized=True, strides=(1, 2, 1), shift=2.5),
    RubiksShiftCase((1, 1, 1, 1, 1), shift=1.0),
    RubiksShiftCase((1, 2, 3, 3, 2), shift=50.0),
    RubiksShiftCase((0, 2, 3, 3, 2)),
    RubiksShiftPointwiseCase((2, 3, 4, 5, 12), filters=130),
    RubiksShiftPointwiseCase((1, 4, 5, 4, 40), strides=(2, 1, 2), shift=3.5, filters=3, adds=False),
    RubiksShiftPointwiseCase((2, 2, 3, 3, 5), rows=2, quantized=True, strides=(1, 2, 1)),
    RubiksShiftPointwiseCase((0, 2, 3, 3, 2)),
    GateShiftFuseCase((2, 3, 5, 4, 16), 16),
    GateShiftFuseCase((1, 4, 6, 5, 16), 12, training=False),
    GateShiftFuseCase((1, 3, 4, 4, 9), 8, in_place=True),
    GateShiftFuseCase((2, 2, 3, 3, 4), 4, fusion=False),
    GateShiftFuseCase((1, 1, 2, 17, 8), 8, training=False, fusion=False, in_place=True),
    GateShiftFuseCase((1, 2, 15, 16, 44), 40),
    GateShiftFuseCase((2, 4, 5, 4, 16), 16, causal=True),
    GateShiftFuseCase((1, 5, 4, 4, 9), 8, causal=True, in_place=True),
    GateShiftFuseCase((2, 1, 3, 3, 4), 4, causal=True, fusion=False, training=False),
    MotionFlowCase((2, 3, 4, 5, 8), 5),
    MotionFlowCase((1, 2, 2, 3, 5), 17, sigma=5.0),
    MotionFlowCase((1, 3, 1, 2, 70), 3),
    MotionFlowCase((0, 2, 3, 3, 4), 3),
]
# More channels than one block can do in place.
WIDE_CASES = [
    GateShiftFuseCase((1, 2, 1, 1, 1036), 1036, training=False, in_place=True),
    GateShiftFuseCase((1, 2, 1, 2, 1040), 1032),
]
# For a GPU: maps of the networks, which fill more than one block in every direction.
LARGE_CASES = [
    TemporalShiftCase((16, 56, 56, 64), 8, 8),
    RubiksShiftCase((2, 8, 56, 56, 54)),
    RubiksShiftCase((1, 8, 112, 112, 72), strides=(1, 2, 2)),
    RubiksShiftCase((2, 8, 28, 28, 144), shift=4.0),
    RubiksShiftCase((4, 8, 7, 7, 576), quantized=True, shift=2.0),
    RubiksShiftPointwiseCase((1, 8, 56, 56, 54), filters=54),
    RubiksShiftPointwiseCase((2, 8, 14, 14, 288), strides=(1, 2, 2), shift=2.0, filters=576),
    GateShiftFuseCase((1, 8, 28, 28, 64), 16, in_place=True),
    GateShiftFuseCase((2, 4, 14, 14, 64), 64, training=False),
    GateShiftFuseCase((2, 8, 7, 7, 512), 128),
    MotionFlowCase((1, 8, 28, 28, 64), 15, sigma=5.0),
]
