"""The papers' point in miniature: the same backbone and schedule with each temporal layer.

  python -m benchmarks.temporal_ablation --output=ablation --seeds=0,1,2

Trains one model per method and seed on the clips of the embedded default (GSF paper, Table 5 and
the TSN, TSM and GSM rows of Table 8) and prints top-1 on the held-out clips, mean and spread over
the seeds. A seed draws weights, crops and order; the clips stay the same. About three minutes per
model on two cores; a run that was stopped continues.
"""

import csv
import json
import pathlib
import subprocess
import sys

import numpy as np
import rich.console
import rich.table
from absl import app, flags

from gsf_tf.data.demo_clips import generate_clips

METHODS = ("tsn", "tsm", "gsm", "gsf")

_OUTPUT = flags.DEFINE_string("output", "ablation", "Folder for clips, records and runs.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of training.")
_EPOCHS = flags.DEFINE_integer("epochs", 26, "Epochs.", lower_bound=4)
_TRAIN_CLIPS = flags.DEFINE_integer("train_clips", 50, "Training clips per class.")
_VAL_CLIPS = flags.DEFINE_integer("val_clips", 40, "Held-out clips per class.")
_CSV = flags.DEFINE_string("csv", None, "Also write every run's figure to this file.")


def run(*arguments):
    subprocess.run([sys.executable, "-m", *arguments], check=True)


def top1(output, method, seed):
    """Trains and evaluates a method with a seed, or reads what an earlier call found."""
    workdir = output / "runs" / f"{method}_{seed}"
    report = workdir / "eval_efficiency.json"
    if not report.exists():
        run(
            "trainers.train",
            f"--config=configs/demo.py:{method}_resnet14thin",
            f"--config.data.records={output}/records",
            f"--config.seed={seed}",
            f"--config.epochs={_EPOCHS.value}",
            f"--workdir={workdir}",
        )
        run("trainers.evaluate", f"--workdir={workdir}")
    return json.loads(report.read_text())["top1"]


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    counts = {"train": _TRAIN_CLIPS.value, "val": _VAL_CLIPS.value}
    for _ in generate_clips(output / "videos", counts):
        pass
    run(
        "trainers.prepare",
        f"--videos={output}/videos",
        f"--output={output}/records",
        "--clips_per_shard=64",
    )
    figures = {method: [top1(output, method, seed) for seed in _SEEDS.value] for method in METHODS}
    table = rich.table.Table("Method", "Mean", "Lowest", "Highest", title="Top-1, held-out clips")
    for method, values in figures.items():
        table.add_row(method, *(f"{f(values):.1%}" for f in (np.mean, min, max)))
    rich.console.Console().print(table)
    if _CSV.value:
        with open(_CSV.value, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["method", "seed", "epochs", "top1"])
            for method, values in figures.items():
                for seed, value in zip(_SEEDS.value, values, strict=True):
                    writer.writerow([method, seed, _EPOCHS.value, f"{value:.4f}"])


if __name__ == "__main__":
    app.run(main)
