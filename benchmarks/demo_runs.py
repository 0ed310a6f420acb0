"""Training and evaluating many models on the clips of the embedded default."""

import concurrent.futures
import csv
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import rich.console
import rich.table

from gsf_tf.data.demo_clips import CLASS_NAMES, generate_clips, render_clip


@dataclasses.dataclass(frozen=True)
class Variant:
    """A row of a study: its name, and the configuration that trains it.

    Attributes:
        name: Name of the row, also of its runs.
        config: Path of a configuration and, after a colon, the preset.
        flags: Further flags of `trainers.train`.
    """

    name: str
    config: str
    flags: tuple = ()


def prepare_records(output, train_clips, val_clips, class_names=CLASS_NAMES, render=render_clip):
    """Makes clips and records in the folder `output`, unless they are there.

    Args:
        output: Folder, a path.
        train_clips: Clips of each class to train on.
        val_clips: Held-out clips of each class.
        class_names: Names of the classes.
        render: Function that draws a clip, as in `generate_clips`.
    """
    clips = {"train": train_clips, "val": val_clips}
    for _ in generate_clips(output / "videos", clips, class_names=class_names, render=render):
        pass
    _run(
        "trainers.prepare",
        f"--videos={output}/videos",
        f"--output={output}/records",
        "--clips_per_shard=64",
    )


def train_all(output, variants, seeds, epochs, parallel=1):
    """Trains and evaluates every variant with every seed, or reads what an earlier call found.

    Args:
        output: Folder with `records/`; the runs go to `runs/<name>_<seed>`.
        variants: List of `Variant`.
        seeds: Seeds of training.
        epochs: Epochs of each run.
        parallel: How many runs at a time, each with its share of the processors.

    Returns:
        Dictionary from a variant's name to its top-1 per seed.
    """
    threads = str(max(1, os.cpu_count() // parallel))
    environment = {
        **os.environ,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
    }
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        jobs = {
            (variant.name, seed): pool.submit(
                _top1, output, variant, seed, epochs, environment if parallel > 1 else None
            )
            for seed in seeds
            for variant in variants
        }
        return {
            variant.name: [jobs[variant.name, seed].result() for seed in seeds]
            for variant in variants
        }


def workdir(output, name, seed):
    """Returns the folder of a run."""
    return pathlib.Path(output) / "runs" / f"{name}_{seed}"


def print_table(title, top1):
    """Prints mean and spread over the seeds, a row per variant."""
    table = rich.table.Table("Variant", "Mean", "Lowest", "Highest", title=title)
    for name, values in top1.items():
        table.add_row(name, *(f"{f(values):.1%}" for f in (np.mean, min, max)))
    rich.console.Console().print(table)


def write_csv(path, top1, seeds, epochs):
    """Writes a line per run."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "seed", "epochs", "top1"])
        for name, values in top1.items():
            for seed, value in zip(seeds, values, strict=True):
                writer.writerow([name, seed, epochs, f"{value:.4f}"])


def _top1(output, variant, seed, epochs, environment):
    folder = workdir(output, variant.name, seed)
    report = folder / "eval_efficiency.json"
    if not report.exists():
        _run(
            "trainers.train",
            f"--config={variant.config}",
            f"--config.data.records={output}/records",
            f"--config.seed={seed}",
            f"--config.epochs={epochs}",
            *variant.flags,
            f"--workdir={folder}",
            environment=environment,
        )
        _run("trainers.evaluate", f"--workdir={folder}", environment=environment)
    return json.loads(report.read_text())["top1"]


def _run(*arguments, environment=None):
    subprocess.run([sys.executable, "-m", *arguments], check=True, env=environment)
