"""Clips per second of `gsf-tf train`, beside the bare forward and backward pass of the same model.

  python -m benchmarks.trainer_speed
  python -m benchmarks.trainer_speed --presets=gsf_mobilenetv2 --clips=256

Both take batches of 8 clips of 8 frames of 160 x 160 pixels through the same network with learned
batch normalization. The two take turns, and each round begins with the one that came last in the
round before:

  bare     a `tf.function` of the loss and its gradients, on one batch that lies in memory, without
           an optimizer
  trainer  the second epoch of `gsf-tf train --config=folder:PRESET,scratch`: reads, decodes and
           augments records, and moves the weights. Its figure is that of its metrics.jsonl

The first epoch is left out, because TensorFlow traces and compiles in it. Without --records, the
program generates clips, 340 x 256 pixels in H.264, and prepares them.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import flags

from benchmarks.generated_videos import make_videos
from benchmarks.interleave import interleave, median_ratio
from benchmarks.quiet_machine import load_line, others_percent
from benchmarks.speed_report import markdown_table
from trainers import cli

_PRESETS = flags.DEFINE_list(
    "presets", ["gsf_mobilenetv2", "gsf_efficientnetlite0"], "Networks, by name."
)
_RECORDS = flags.DEFINE_string("records", None, "Folder of records; some are made by default.")
_CLIPS = flags.DEFINE_integer("clips", 128, "Clips that are made.", lower_bound=32)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Rounds that are timed.", lower_bound=1)

GOAL = 0.9
BATCH, SEGMENTS, SIZE, STEPS = 8, 8, 160, 4


def make_records(folder, count):
    """Makes clips and records of them, and returns the folder of the records."""
    (folder / "videos").mkdir()
    make_videos(folder / "videos", count)
    records = folder / "records"
    program("prepare", f"--videos={folder}/videos", f"--output={records}", "--val_fraction=0.1")
    return records


def program(name, *arguments):
    command = [sys.executable, "-m", "trainers.command", name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )


def trainer(preset, records):
    """Returns the seconds that the trainer takes for a clip in its second epoch."""
    with tempfile.TemporaryDirectory(prefix="trainer_speed-") as workdir:
        program(
            "train",
            f"--config=folder:{preset},scratch",
            f"--config.data.records={records}",
            f"--config.model.image_size={SIZE}",
            f"--config.data.batch_size={BATCH}",
            "--config.epochs=2",
            "--config.warmup_epochs=1",
            "--config.eval_every_epochs=2",
            "--config.estimate_steps=0",
            f"--workdir={workdir}",
        )
        lines = pathlib.Path(workdir, "metrics.jsonl").read_text().splitlines()
    return 1 / json.loads(lines[1])["clips_per_second"]


def bare(preset):
    """Returns a function that gives the seconds for a clip of the forward and backward pass."""
    import keras
    import tensorflow as tf

    from gsf_tf.models import from_preset

    model = from_preset(
        preset, num_classes=2, num_segments=SEGMENTS, input_shape=(SIZE, SIZE, 3), weights=None
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    shape = (BATCH, SEGMENTS, SIZE, SIZE, 3)
    clips = tf.constant(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    classes = tf.constant(np.arange(BATCH) % 2)
    weights = [variable.value for variable in model.trainable_variables]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(classes, model(clips, training=True))
        return tape.gradient(value, weights)

    def seconds():
        start = time.perf_counter()
        for _ in range(STEPS):
            gradients = step()
        gradients[0].numpy()
        return (time.perf_counter() - start) / (STEPS * BATCH)

    return seconds


def main(_):
    busy = others_percent()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    rows = []
    # An unknown name is an error before records are made.
    passes = {preset: bare(preset) for preset in _PRESETS.value}
    with tempfile.TemporaryDirectory(prefix="trainer_speed-") as folder:
        records = _RECORDS.value or make_records(pathlib.Path(folder), _CLIPS.value)
        for preset in passes:
            candidates = {
                "bare": passes[preset],
                "trainer": lambda preset=preset: trainer(preset, records),
            }
            seconds = interleave(candidates, _ROUNDS.value, lambda name: None)
            ratio = median_ratio(seconds["bare"], seconds["trainer"])
            figures = [f"{1 / np.median(seconds[name]):.3g}" for name in candidates]
            verdict = "met" if ratio >= GOAL else "missed"
            rows.append([preset, *figures, f"{ratio:.2f}", f">= {GOAL}", verdict])
    header = ["network", "bare, clips/s", "trainer, clips/s", "trainer / bare", "goal", "verdict"]
    print(f"{load_line(busy)}\n\n{markdown_table(header, rows)}")


if __name__ == "__main__":
    cli.run(main)
