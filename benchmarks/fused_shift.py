"""Shift and pointwise convolution as one op against the two ops: speed and memory.

  python -m benchmarks.fused_shift
  python -m benchmarks.fused_shift --measure=memory --presets=rubiksnet_large --clips=1

The speed is that of the forward pass on every map of RubiksNet-Tiny and -Large, with and without
the addition of the block's other branch; the candidates take turns. Other work on the machine
disturbs long times more than short ones, so the figure is the 10th percentile of the runs.

The memory is the peak of a process that makes two training steps, once with the op and once with
the two ops, beside what the shifted maps of all blocks take.
"""

import multiprocessing
import os
import resource
import time

import numpy as np
from absl import flags

from benchmarks.input_flags import IMAGE_SIZE, NUM_SEGMENTS, THREADS
from benchmarks.shift_maps import WIDTHS, candidates, maps
from benchmarks.speed_report import markdown_table
from trainers import cli

MEASURES = ("speed", "memory")
_MEASURE = flags.DEFINE_list("measure", list(MEASURES), "Some of speed and memory.")
_PRESETS = flags.DEFINE_list("presets", ["rubiksnet_tiny", "rubiksnet_large"], "Which networks.")
_CLIPS = flags.DEFINE_integer("clips", 1, "Clips at a time.", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 2.0, "For every map.", lower_bound=0.01)
for name in ("image_size", "num_segments", "threads"):
    flags.declare_key_flag(name)

FORMS = {"one op": "compiled", "two ops": "reference"}
OP = "rubiks_shift_pointwise"
HEADER = ("Map", "Stride", "Addition", "Two ops, ms", "One op, ms", "Ratio")


# ---- Speed --------------------------------------------------------------------------------------


def lowest_tenths(functions, seconds):
    """Returns the 10th percentile of each function's seconds."""
    times = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["one op"]) < 10:
        for name, run in functions.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: np.quantile(values[1:], 0.1) for name, values in times.items()}


def speed_rows(preset, clips, num_segments, image_size, seconds):
    for size, channels, stride in maps(WIDTHS[preset], image_size):
        for adds in (False, True):
            functions = candidates(size, channels, stride, clips, num_segments, adds)
            found = lowest_tenths(functions, seconds / 2)
            two, one = (1e3 * found[form] for form in ("two ops", "one op"))
            name = f"{clips * num_segments}x{size}x{size}x{channels}"
            yield (
                name,
                stride,
                "yes" if adds else "no",
                f"{two:.2f}",
                f"{one:.2f}",
                f"{one / two:.2f}",
            )


# ---- Memory -------------------------------------------------------------------------------------


def train(preset, form, clips, num_segments, image_size, threads, results):
    """Makes two training steps; puts the peak of the memory and the bytes of the shifted maps."""
    import keras
    import tensorflow as tf

    from gsf_tf import layers, ops
    from gsf_tf.models import from_preset

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    shape = (image_size, image_size, 3)
    model = from_preset(preset, 10, num_segments=num_segments, input_shape=shape)
    model.compile(
        keras.optimizers.SGD(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    shifts = [x for x in model._flatten_layers() if isinstance(x, layers.RubiksShift2D)]
    shifted = sum(4 * clips * num_segments * np.prod(x.output.shape[1:]) for x in shifts)
    clip = np.zeros((clips, num_segments, *shape), np.uint8)
    with ops.use_implementation(f"{OP}={FORMS[form]}"):
        for _ in range(2):
            model.train_on_batch(clip, np.zeros(clips))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    results.put((peak, float(shifted)))


def memory_row(preset, *settings):
    # Large blocks go back to the system at once, so the peak is what was used together.
    os.environ |= {"MALLOC_MMAP_THRESHOLD_": str(2**16), "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1"}
    context = multiprocessing.get_context("spawn")
    peaks = {}
    for form in FORMS:
        results = context.Queue()
        child = context.Process(target=train, args=(preset, form, *settings, results))
        child.start()
        while results.empty() and child.is_alive():
            child.join(0.1)
        if results.empty():
            raise RuntimeError(f"The process of {preset}, {form}, ended with {child.exitcode}.")
        peaks[form], maps = results.get()
        child.join()
    saved = peaks["two ops"] - peaks["one op"]
    return preset, *(f"{1e-6 * n:.0f}" for n in (*reversed(peaks.values()), saved, maps))


def main(_):
    for given, known, flag in ((_MEASURE, MEASURES, "measure"), (_PRESETS, WIDTHS, "presets")):
        if not given.value or not set(given.value) <= set(known):
            raise cli.FlagError(
                f"--{flag} must be some of {', '.join(known)}. Received: "
                f"--{flag}={','.join(given.value)}"
            )
    settings = (_CLIPS.value, NUM_SEGMENTS.value, IMAGE_SIZE.value)
    if "memory" in _MEASURE.value:
        header = ("Model", "Two ops, MB", "One op, MB", "Saved, MB", "Shifted maps, MB")
        rows = [memory_row(preset, *settings, THREADS.value) for preset in _PRESETS.value]
        print(markdown_table(header, rows), flush=True)
    if "speed" in _MEASURE.value:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(THREADS.value)
        for preset in _PRESETS.value:
            rows = speed_rows(preset, *settings, _SECONDS.value)
            print(f"\n{preset}\n\n{markdown_table(HEADER, list(rows))}", flush=True)


if __name__ == "__main__":
    cli.run(main)
