"""When XLA on the reference path beats the compiled ops: `python -m benchmarks.xla`.

Prints a table: medians in milliseconds of interleaved runs of one clip of 8 frames, float32, at
ResNet-50's four map sizes. It takes about a minute on two cores, on which nothing else may run
(docs/performance.md, "How it is measured").
"""

import statistics
import time
import warnings

import tensorflow as tf
from absl import flags

from gsf_tf import layers, ops
from trainers import cli

RUNS = flags.DEFINE_integer("runs", 20, "Timed runs of each form.", lower_bound=1)

NUM_SEGMENTS = 8
MAPS = ((56, 256), (28, 512), (14, 1024), (7, 2048))
FORMS = {
    "compiled": ("compiled", False),
    "reference": ("reference", False),
    "reference, XLA": ("reference", True),
}


def temporal_shift(channels):
    return lambda x, training: ops.temporal_shift(x, NUM_SEGMENTS, channels // 8), []


def gate_shift_fuse(channels):
    layer = layers.GateShiftFuse(NUM_SEGMENTS, channel_ratio=0.25)
    layer.build((None, None, None, channels))
    return layer, [variable.value for variable in layer.trainable_variables]


def main(_):
    warnings.simplefilter("ignore", ops.ReferencePathWarning)
    print("| what | map | " + " | ".join(FORMS) + " |")
    print("|---|---|" + "---|" * len(FORMS))
    for make in (temporal_shift, gate_shift_fuse):
        for with_gradient in (False, True):
            for side, channels in MAPS:
                milliseconds = measure(make, side, channels, with_gradient)
                name = f"{make.__name__}, {'forward + backward' if with_gradient else 'forward'}"
                cells = " | ".join(f"{value:.2f}" for value in milliseconds)
                print(f"| {name} | {side}x{side}x{channels} | {cells} |", flush=True)


def measure(make, side, channels, with_gradient):
    """The median milliseconds of each form."""
    x, upstream = (tf.random.normal([NUM_SEGMENTS, side, side, channels]) for _ in range(2))
    functions = []
    for implementation, jit_compile in FORMS.values():
        with ops.use_implementation(implementation):
            functions.append(trace(*make(channels), x, with_gradient, jit_compile))
    times = [[] for _ in functions]
    for _ in range(RUNS.value):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function(x, upstream)
            taken.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def trace(call, variables, x, with_gradient, jit_compile):
    @tf.function(jit_compile=jit_compile)
    def run(x, upstream):
        y = call(x, training=with_gradient)
        # Both are returned, or the graph would leave out what only one of them needs.
        return (y, *tf.gradients(y, [x, *variables], upstream)) if with_gradient else y

    run(x, tf.ones_like(x))
    return run


if __name__ == "__main__":
    cli.run(main)
