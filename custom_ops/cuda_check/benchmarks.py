"""What is timed: the maps of the papers' models at 8 x 224 x 224, and the kernels on them."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from custom_ops.cuda_check.calls import (
    MOTION_FLOW_SAVED,
    Gradients,
    Saved,
    TemporalShiftShape,
    Weights,
    itemsize,
    real,
)
from custom_ops.cuda_check.cases import (
    GateShiftFuseCase,
    MotionFlowCase,
    RubiksShiftCase,
    RubiksShiftPointwiseCase,
    TemporalShiftCase,
)

NUM_SEGMENTS = 8
# Height and width, channels: RubiksNet's five stages, width 54 (Tiny) and 72 (Large).
RUBIKSNET_MAPS = [
    (model, size, factor * width)
    for model, width in (("RubiksNet-Large", 72), ("RubiksNet-Tiny", 54))
    for size, factor in ((112, 1), (56, 1), (28, 2), (14, 4), (7, 8))
]
# Height and width, channels, residual blocks: the stages of ResNet-50.
RESNET50_MAPS = [(56, 256, 3), (28, 512, 4), (14, 1024, 6), (7, 2048, 3)]
# Height and width, processed channels: the distinct maps of BN-Inception, of which GSF takes 100 %.
BN_INCEPTION_MAPS = [
    *((28, channels) for channels in (64, 128)),
    *((14, channels) for channels in (96, 128, 160, 192, 224)),
    (7, 352),
]
# So many bytes are read and written between two runs on the same arrays. It is several times the
# second-level cache of an H100 or H200, 50 or 60 MB: otherwise the cache would be measured.
ROTATED_BYTES = 256 << 20
MOST_SETS = 16


@dataclasses.dataclass(frozen=True)
class Run:
    """A kernel on a map, ready to be timed.

    Args:
        name: `"forward"`, `"training forward"` or `"gradient"`.
        nbytes: What must be read and written, each once.
        enqueues: Functions of a stream, each on arrays of its own.
    """

    name: str
    nbytes: int
    enqueues: list[Callable]


def cases(op, num_clips):
    """Yields the name of a model and map, and the case, the papers' main models first."""
    lead = num_clips, NUM_SEGMENTS
    if op == "temporal_shift":
        for size, channels, _ in RESNET50_MAPS:
            case = TemporalShiftCase(
                (num_clips * NUM_SEGMENTS, size, size, channels), NUM_SEGMENTS, channels // 8
            )
            yield f"TSM-ResNet50 {size}x{size}x{channels}", case
    elif op == "gate_shift_fuse":
        # After conv3 of every block, 25 % of the channels.
        for size, channels, _ in RESNET50_MAPS:
            case = GateShiftFuseCase((*lead, size, size, channels), channels // 4)
            yield f"GSF-ResNet50 {size}x{size}x{channels // 4}", case
        for size, channels in BN_INCEPTION_MAPS:
            case = GateShiftFuseCase((*lead, size, size, channels), channels)
            yield f"GSF-BN-Inception {size}x{size}x{channels}", case
    elif op == "motion_flow":
        # Between the second and the third stage, with the paper's window.
        case = MotionFlowCase((*lead, 28, 28, 64), 15, sigma=5.0, temperature=100.0)
        yield "MotionSqueeze 28x28x64", case
    elif op == "rubiks_shift_pointwise":
        for model, size, channels in RUBIKSNET_MAPS:
            case = RubiksShiftPointwiseCase(
                (*lead, size, size, channels), shift=0.99, filters=channels
            )
            yield f"{model} {size}x{size}x{channels}", case
    else:
        for model, size, channels in RUBIKSNET_MAPS:
            case = RubiksShiftCase((*lead, size, size, channels), shift=0.99)
            yield f"{model} {size}x{size}x{channels}", case
        large = RubiksShiftCase((*lead, 112, 112, 72), shift=0.99)
        for name, changes in (
            ("stride 2", {"strides": (1, 2, 2)}),
            ("quantized", {"quantized": True}),
            ("shifts up to 3", {"shift": 3.0}),
        ):
            yield f"RubiksNet-Large, {name}", dataclasses.replace(large, **changes)


def number_of_sets(nbytes):
    """Returns on how many sets of arrays a run of `nbytes` takes turns."""
    return int(np.clip(-(-ROTATED_BYTES // max(nbytes, 1)), 1, MOST_SETS))


def prepare(case, kernels, arrays, dtype):
    """Returns the runs of a case on random numbers in arrays of the session `arrays`."""
    prepare_case = {
        "temporal_shift": _prepare_temporal_shift,
        "rubiks_shift": _prepare_rubiks_shift,
        "rubiks_shift_pointwise": _prepare_rubiks_shift_pointwise,
        "gate_shift_fuse": _prepare_gate_shift_fuse,
        "motion_flow": _prepare_motion_flow,
    }[case.op]
    return prepare_case(case, kernels, arrays, dtype)


def _prepare_temporal_shift(case, kernels, arrays, dtype):
    size = itemsize(dtype)
    frames, *rest, channels = case.shape
    elements = int(np.prod(case.shape))
    shape = TemporalShiftShape(
        frames, case.num_segments, int(np.prod(rest)), channels * size, case.fold * size, False
    )

    def forward():
        x, y = (arrays.random(elements, dtype).pointer for _ in range(2))
        return lambda stream: kernels.call("temporal_shift_cuda", x, y, shape, stream=stream)

    nbytes = 2 * elements * size
    return [Run("forward", nbytes, [forward() for _ in range(number_of_sets(nbytes))])]


def _prepare_rubiks_shift(case, kernels, arrays, dtype):
    shape, channels = case.struct(dtype), case.shape[-1]
    elements = int(np.prod(case.shape)), int(np.prod(case.output_shape()))
    x_bytes, y_bytes = (count * itemsize(dtype) for count in elements)
    values = np.random.default_rng(0).uniform(-case.shift, case.shift, (case.rows, channels))
    shift, of_shift = (arrays.new(values.astype(real(dtype))).pointer for _ in range(2))
    workspace = arrays.workspace("rubiks_shift", shape).pointer
    forwards, gradients = [], []

    def add(x, y, of_x, of_y):
        forwards.append(
            lambda stream: kernels.call("rubiks_shift_cuda", x, shift, y, shape, stream=stream)
        )
        of = x, shift, of_y, of_x, of_shift, workspace, shape
        gradients.append(
            lambda stream: kernels.call("rubiks_shift_gradient_cuda", *of, stream=stream)
        )

    for _ in range(number_of_sets(x_bytes + y_bytes)):
        add(*(arrays.random(elements[i], dtype).pointer for i in (0, 1, 0, 1)))
    return [
        Run("forward", x_bytes + y_bytes, forwards),
        Run("gradient", 2 * x_bytes + y_bytes, gradients),
    ]


def _prepare_rubiks_shift_pointwise(case, kernels, arrays, dtype):
    shape, channels, filters = case.struct(dtype), case.shape[-1], case.filters
    elements = int(np.prod(case.shape)), int(np.prod(case.output_shape())) // channels * filters
    x_bytes, y_bytes = (count * itemsize(dtype) for count in elements)
    values = np.random.default_rng(0).uniform(-case.shift, case.shift, (case.rows, channels))
    shift = arrays.new(values.astype(real(dtype))).pointer
    kernel, of_kernel = (
        arrays.random(channels * filters, real(dtype).name).pointer for _ in range(2)
    )
    workspace = arrays.empty(kernels.pointwise_workspace_bytes(shape, filters)).pointer
    runs = {"forward": [], "gradient": []}

    def add(x, addend, y):
        calls = {
            "forward": ("rubiks_shift_pointwise_cuda", x, shift, kernel, addend, y),
            "gradient": (
                *("rubiks_shift_pointwise_gradient_cuda", x, shift, y, of_kernel, workspace),
            ),
        }
        for name, call in calls.items():
            run = functools.partial(kernels.call, *call, filters, shape)
            runs[name].append(lambda stream, run=run: run(stream=stream))

    for _ in range(number_of_sets(x_bytes + 2 * y_bytes)):
        add(*(arrays.random(elements[i], dtype).pointer for i in (0, 1, 1)))
    bytes_of = {"forward": x_bytes + 2 * y_bytes, "gradient": x_bytes + y_bytes}
    return [Run(name, bytes_of[name], runs[name]) for name in runs]


def _prepare_gate_shift_fuse(case, kernels, arrays, dtype):
    """Inference and gradient in place, as in a network, where the channels beside the processed
    ones stay as they are; training from x to y, for the gradient reads x again."""
    elements, size = int(np.prod(case.shape)), itemsize(dtype)
    nbytes = elements // case.shape[-1] * case.processed * size
    infer, train = (
        dataclasses.replace(case, training=training).struct(dtype) for training in (False, True)
    )
    weights = timing_weights(case, dtype)
    weights = Weights(**{name: arrays.new(array).pointer for name, array in weights.items()})
    infer_space, train_space = (
        arrays.workspace("gate_shift_fuse", shape).pointer for shape in (infer, train)
    )
    gradient_space = arrays.workspace("gate_shift_fuse_gradient", train).pointer
    frames, processed = case.shape[0] * case.shape[1], case.processed
    sizes = {
        **{"mean": processed, "variance": processed, "gate": 2 * elements // case.shape[-1]},
        **{"means": 2 * frames * processed, "fusion": frames * processed},
    }
    gradients = {"gamma": processed, "beta": processed, "gate_kernel": 27 * processed}
    gradients |= {"gate_bias": 2, "fusion_kernel": 36, "fusion_bias": 2}
    one = real(dtype).itemsize
    gradients = Gradients(**{name: arrays.empty(n * one).pointer for name, n in gradients.items()})
    runs = {"training forward": [], "gradient": [], "forward": []}

    def add():
        x, y, of_y = (arrays.random(elements, dtype).pointer for _ in range(3))
        saved = Saved(**{name: arrays.empty(n * one).pointer for name, n in sizes.items()})
        call = functools.partial(kernels.call, "gate_shift_fuse_cuda", x, weights)
        training_forward = functools.partial(call, y, saved, train_space, train)
        gradient = functools.partial(
            kernels.call, "gate_shift_fuse_gradient_cuda", x, weights, saved, of_y, of_y, gradients,
            gradient_space, train,
        )  # fmt: skip
        forward = functools.partial(call, x, saved, infer_space, infer)
        # The gradient reads what the forward pass saved.
        training_forward()
        for name, run in zip(runs, (training_forward, gradient, forward), strict=True):
            runs[name].append(lambda stream, run=run: run(stream=stream))

    for _ in range(number_of_sets(2 * nbytes)):
        add()
    # Inference comes last, because it overwrites the x that the gradient reads.
    bytes_of = {
        "training forward": 2 * elements * size,
        "gradient": 3 * nbytes,
        "forward": 2 * nbytes,
    }
    return [Run(name, bytes_of[name], runs[name]) for name in runs]


def _prepare_motion_flow(case, kernels, arrays, dtype):
    shape, elements = case.struct(dtype), int(np.prod(case.shape))
    clips, frames, height, width, channels = case.shape
    positions = elements // channels
    saved_count = clips * (frames - 1) * height * width * MOTION_FLOW_SAVED
    x_bytes, y_bytes = (count * itemsize(dtype) for count in (elements, 3 * positions))
    spaces = [
        arrays.workspace(name, shape).pointer for name in ("motion_flow", "motion_flow_gradient")
    ]
    runs = {"forward": [], "gradient": []}

    def add():
        x, of_x = (arrays.random(elements, dtype).pointer for _ in range(2))
        y, of_y = (arrays.random(3 * positions, dtype).pointer for _ in range(2))
        saved = arrays.empty(saved_count * real(dtype).itemsize).pointer
        call = functools.partial(kernels.call, "motion_flow_cuda", x, y, saved, spaces[0], shape)
        gradient = functools.partial(
            kernels.call, "motion_flow_gradient_cuda", x, saved, of_y, of_x, spaces[1], shape
        )
        # The gradient reads what the forward pass saved.
        call()
        for name, run in zip(runs, (call, gradient), strict=True):
            runs[name].append(lambda stream, run=run: run(stream=stream))

    for _ in range(number_of_sets(x_bytes + y_bytes)):
        add()
    bytes_of = {"forward": x_bytes + y_bytes, "gradient": 2 * x_bytes + y_bytes}
    return [Run(name, bytes_of[name], runs[name]) for name in runs]


def timing_weights(case, dtype):
    """Returns weights with which the layer in place, over and over, hardly changes its numbers.

    Gates are near zero, and nearly all of the fusion's weight is on what is not shifted. Numbers
    that become zero or infinite could run at another speed.
    """
    weights = case.weights(dtype)
    weights["gate_kernel"] /= 1024
    weights["gate_bias"] *= 0
    weights["fusion_kernel"] *= 0
    weights["fusion_bias"] = np.full_like(weights["fusion_bias"], -8)
    return weights
