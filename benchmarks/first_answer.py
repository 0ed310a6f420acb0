"""How long `gsf-tf predict` takes from its start to the answer on one clip.

  python -m benchmarks.first_answer
  python -m benchmarks.first_answer --presets=gsf_resnet14thin --rounds=3

Each round starts two new processes for each model, one after the other: `python -c 'import
tensorflow'`, which nothing that runs a model of TensorFlow can do without, and `gsf-tf predict` on
a model in a `.keras` file and a generated clip of 340 x 256. The times are those by the clock and
those of the processors, with the processes that decode; a ratio is the median of those in the
rounds. Everything was read once before, so the disk is not measured.
"""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import flags
from PIL import Image

from benchmarks.interleave import interleave, median_ratio
from benchmarks.quiet_machine import load_line, others_percent
from benchmarks.speed_report import markdown_table
from trainers import cli

_PRESETS = flags.DEFINE_list("presets", ["gsf_resnet14thin", "gsf_mobilenetv2"], "Models.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds that are timed.", lower_bound=1)

GOAL = 1.6
IMPORT = [sys.executable, "-c", "import tensorflow"]


def make_clip(path):
    """Writes a generated clip as large as one of Something-Something."""
    from gsf_tf.data.demo_clips import render_clip, write_video

    frames = render_clip("moving_left", np.random.default_rng(0))
    write_video(path, np.stack([Image.fromarray(frame).resize((340, 256)) for frame in frames]))


def make_model(preset, path):
    """Saves an untrained model with its labels, as `gsf-tf train` does."""
    from gsf_tf.data import LabelMap
    from gsf_tf.model_description import ModelDescription
    from gsf_tf.models import from_preset
    from gsf_tf.models.model_file import save_model_file

    model = from_preset(preset, num_classes=10)
    labels = LabelMap([f"class {number}" for number in range(10)])
    short_side = model.input_shape[2] * 256 // 224
    description = ModelDescription(labels, short_side=short_side)
    save_model_file(model, path, description.to_text())


def time_process(command):
    """Returns the seconds of a process by the clock, and those of the processors."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return seconds, used


def main(_):
    busy = others_percent()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with tempfile.TemporaryDirectory(prefix="first_answer-") as folder:
        folder = pathlib.Path(folder)
        make_clip(folder / "clip.mp4")
        candidates = {"import": lambda: time_process(IMPORT)}
        for preset in _PRESETS.value:
            model = folder / f"{preset}.keras"
            make_model(preset, model)
            command = [sys.executable, "-m", "trainers.command", "predict", f"--model={model}"]
            command.append(str(folder / "clip.mp4"))
            candidates[preset] = lambda command=command: time_process(command)
        seconds = interleave(candidates, _ROUNDS.value, lambda name: None)
    rows = []
    for name, values in seconds.items():
        clock, used = np.median(values, axis=0)
        ratios = [median_ratio(values[:, i], seconds["import"][:, i]) for i in (0, 1)]
        goal = "-" if name == "import" else f"<= {GOAL}"
        rows.append([name, f"{clock:.2f}", f"{used:.2f}", *(f"{r:.2f}" for r in ratios), goal])
    header = ["process", "seconds", "processor s", "x import", "processor x import", "goal"]
    print(f"{load_line(busy)}\n\n{markdown_table(header, rows)}")


if __name__ == "__main__":
    cli.run(main)
