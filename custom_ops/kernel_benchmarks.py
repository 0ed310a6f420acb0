"""What the benchmark of the CUDA kernels runs: the maps of the papers' models at 8 x 224 x 224."""

import dataclasses
from collections.abc import Callable

import numpy as np

from custom_ops.kernel_calls import Gradients, Saved, TemporalShiftShape, Weights, itemsize, real
from custom_ops.kernel_cases import GateShiftFuseCase, RubiksShiftCase, TemporalShiftCase

# Height and width, channels: RubiksNet's five stages, width 54 (Tiny) and 72 (Large).
RUBIKSNET_MAPS = [
    (model, size, factor * width)
    for model, width in (("RubiksNet-Tiny", 54), ("RubiksNet-Large", 72))
    for size, factor in ((112, 1), (56, 1), (28, 2), (14, 4), (7, 8))
]
# Height and width, channels, processed channels: after conv3, 25 %; the distinct maps of 100 %.
GATE_SHIFT_FUSE_MAPS = [
    *(("GSF-ResNet50", 56 // 2**i, 256 * 2**i, 64 * 2**i) for i in range(4)),
    *(("GSF-BN-Inception", 28, channels, channels) for channels in (64, 128)),
    *(("GSF-BN-Inception", 14, channels, channels) for channels in (96, 128, 160, 192, 224)),
    ("GSF-BN-Inception", 7, 352, 352),
]


@dataclasses.dataclass(frozen=True)
class Run:
    """One line of the table.

    Args:
        name: What runs.
        nbytes: What must be read and written, each once.
        enqueue: Function of a stream.
    """

    name: str
    nbytes: int
    enqueue: Callable


def cases(num_clips, num_segments=8):
    """Yields the name of a model and map, and the case."""
    for model, size, channels in RUBIKSNET_MAPS:
        shape = (num_clips, num_segments, size, size, channels)
        yield f"{model} {size}x{size}x{channels}", RubiksShiftCase(shape, shift=0.99)
    shape = (num_clips, num_segments, 112, 112, 72)
    yield "RubiksNet-Large, stride 2", RubiksShiftCase(shape, strides=(1, 2, 2), shift=0.99)
    yield "RubiksNet-Large, quantized", RubiksShiftCase(shape, quantized=True, shift=0.99)
    yield "RubiksNet-Large, shifts up to 3", RubiksShiftCase(shape, shift=3.0)
    for model, size, channels, processed in GATE_SHIFT_FUSE_MAPS:
        shape = (num_clips, num_segments, size, size, channels)
        yield f"{model} {size}x{size}x{processed}", GateShiftFuseCase(shape, processed)
    for size, channels in ((56, 256), (28, 512), (14, 1024), (7, 2048)):
        shape = (num_clips * num_segments, size, size, channels)
        yield f"TSM-ResNet50 {size}x{size}x{channels}", TemporalShiftCase(shape, 8, channels // 8)


def prepare(case, kernels, arrays, dtype):
    """Returns the runs of a case on arrays of zeros from the session `arrays`."""
    prepare_case = {
        TemporalShiftCase: _prepare_temporal_shift,
        RubiksShiftCase: _prepare_rubiks_shift,
        GateShiftFuseCase: _prepare_gate_shift_fuse,
    }[type(case)]
    return prepare_case(case, kernels, arrays, dtype)


def _prepare_temporal_shift(case, kernels, arrays, dtype):
    size = itemsize(dtype)
    frames, *rest, channels = case.shape
    nbytes = int(np.prod(case.shape)) * size
    x, y = arrays.zeros(nbytes), arrays.zeros(nbytes)
    shape = TemporalShiftShape(
        frames, case.num_segments, int(np.prod(rest)), channels * size, case.fold * size, False
    )

    def forward(stream):
        kernels.call("temporal_shift_cuda", x.pointer, y.pointer, shape, stream=stream)

    return [Run("forward", 2 * nbytes, forward)]


def _prepare_rubiks_shift(case, kernels, arrays, dtype):
    shape, channels = case.struct(dtype), case.shape[-1]
    x_bytes = int(np.prod(case.shape)) * itemsize(dtype)
    y_bytes = int(np.prod(case.output_shape())) * itemsize(dtype)
    values = np.random.default_rng(0).uniform(-case.shift, case.shift, (case.rows, channels))
    x, y, of_x, of_y = (arrays.zeros(n) for n in (x_bytes, y_bytes, x_bytes, y_bytes))
    shift, of_shift = (arrays.new(values.astype(real(dtype))) for _ in range(2))
    workspace = arrays.workspace("rubiks_shift", shape)
    forward_arrays = [array.pointer for array in (x, shift, y)]
    gradient_arrays = [array.pointer for array in (x, shift, of_y, of_x, of_shift, workspace)]

    def forward(stream):
        kernels.call("rubiks_shift_cuda", *forward_arrays, shape, stream=stream)

    def gradient(stream):
        kernels.call("rubiks_shift_gradient_cuda", *gradient_arrays, shape, stream=stream)

    return [
        Run("forward", x_bytes + y_bytes, forward),
        Run("gradient", 2 * x_bytes + y_bytes, gradient),
    ]


def _prepare_gate_shift_fuse(case, kernels, arrays, dtype):
    """In place, as in a network, where the channels beside the processed ones stay."""
    elements = int(np.prod(case.shape))
    nbytes = elements // case.shape[-1] * case.processed * itemsize(dtype)
    x, y = (arrays.zeros(elements * itemsize(dtype)) for _ in range(2))
    frames, processed = case.shape[0] * case.shape[1], case.processed
    sizes = {
        **dict.fromkeys(("gamma", "beta", "mean", "variance"), processed),
        **{"gate_kernel": 27 * processed, "gate_bias": 2},
        **{"fusion_kernel": 36, "fusion_bias": 2},
        **{"gate": 2 * elements // case.shape[-1], "means": 2 * frames * processed},
        "fusion": frames * processed,
    }

    def struct(kind):
        names = [name for name, _ in kind._fields_]
        return kind(
            **{name: arrays.zeros(sizes[name] * real(dtype).itemsize).pointer for name in names}
        )

    weights, saved, gradients = struct(Weights), struct(Saved), struct(Gradients)
    runs = []
    for training in (False, True):
        shape = dataclasses.replace(case, training=training).struct(dtype)
        workspace = arrays.workspace("gate_shift_fuse", shape).pointer

        def forward(stream, shape=shape, workspace=workspace):
            kernels.call(
                "gate_shift_fuse_cuda", x.pointer, weights, x.pointer, saved, workspace, shape,
                stream=stream,
            )  # fmt: skip

        name = "forward, training" if training else "forward"
        runs.append(Run(name, 2 * nbytes, forward))
    workspace = arrays.workspace("gate_shift_fuse_gradient", shape).pointer

    def gradient(stream):
        kernels.call(
            "gate_shift_fuse_gradient_cuda", x.pointer, weights, saved, y.pointer, y.pointer,
            gradients, workspace, shape, stream=stream,
        )  # fmt: skip

    return [*runs, Run("gradient", 3 * nbytes, gradient)]
