"""Processor time of RandAugment per clip, for each operation of both variants.

  python -m benchmarks.rand_augment_speed

The variant `authors` changes whole frames of 256 x 340, `keras_cv` crops of 224 x 224. Each row is
the mean of 20 calls. The last row is RandAugment as it is drawn in training: two operations, each
applied with probability 0.5, the mean over 400 seeds.

The time is that of all threads together, in milliseconds, so other programs disturb it little. It
divides by the number of processors if the pipeline has all of them.
"""

import time

import numpy as np
import rich.table
import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.draw import Draw
from gsf_tf.data.pipeline.augmentation.rand_augment import VARIANTS, RandAugment
from trainers import cli

# Frames, height and width of a clip: whole frames for one variant, crops for the other.
CLIPS = {"authors": (8, 256, 340), "keras_cv": (8, 224, 224)}
REPEATS = 20
MAGNITUDE, STANDARD_DEVIATION, NUM_OPS = 9.0, 0.5, 2


def milliseconds(function, arguments):
    """Returns the mean processor time of the calls with each of `arguments`, after one more."""
    function(*arguments[0])
    start = time.process_time()
    for values in arguments:
        function(*values)
    return (time.process_time() - start) * 1000 / len(arguments)


def measure(variant, frames, repeats, names=()):
    """Returns milliseconds by the name of an operation; interpolations have rows of their own."""
    found = {}
    operations = VARIANTS[variant].operations()
    for name in names or VARIANTS[variant].names:
        operation = operations[name]

        def run(frames, cubic, operation=operation):
            strength = tf.constant(MAGNITUDE)
            return operation(frames, Draw(strength, strength / 10, tf.constant(1.0), cubic))

        run = tf.function(run, autograph=False)
        moves = name == "rotate" or name.startswith(("shear", "translate"))
        if variant == "authors" and moves:
            for cubic, kind in ((False, "bilinear"), (True, "bicubic")):
                arguments = [(frames, tf.constant(cubic))] * repeats
                found[f"{name}, {kind}"] = milliseconds(run, arguments)
        else:
            found[name] = milliseconds(run, [(frames, tf.constant(False))] * repeats)
    augment = RandAugment(MAGNITUDE, STANDARD_DEVIATION, NUM_OPS, variant, names)
    run = tf.function(augment, autograph=False)
    seeds = [(frames, tf.constant([seed, 0])) for seed in range(20 * repeats)]
    found["as drawn"] = milliseconds(run, seeds)
    return found


def main(_):
    rng = np.random.default_rng(0)
    table = rich.table.Table("variant", "frames", "operation", "ms per clip")
    for variant, shape in CLIPS.items():
        frames = tf.constant(rng.integers(0, 256, [*shape, 3], np.uint8))
        for name, value in measure(variant, frames, REPEATS).items():
            table.add_row(variant, " x ".join(map(str, shape)), name, f"{value:.1f}")
    cli.console().print(table)


if __name__ == "__main__":
    cli.run(main)
