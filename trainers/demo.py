"""The whole job on the embedded default: from no data to a served model.

  python -m trainers.demo --output=demo

Generates clips of moving shapes (12 classes, 6 pairs that are each other's time reversal), prepares
records, trains GSF and, as a control, TSN (the same backbone and schedule without temporal
layers), evaluates both, exports GSF and names the action in a new clip. Every step but the first is
one of the other programs; its command is printed. A demo that was stopped continues where it was.
"""

import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import rich.table
from absl import flags

from gsf_tf.data.demo_clips import (
    ACTION_PAIRS,
    CLASS_NAMES,
    generate_clips,
    render_clip,
    write_video,
)
from gsf_tf.errors import UserError
from trainers import cli

PRESETS = {"TSN": "tsn_resnet14thin", "GSF": "gsf_resnet14thin"}
NEW_CLIP_ACTION = "moving_apart"

_OUTPUT = flags.DEFINE_string("output", "demo", "Folder for everything.")
_TRAIN_CLIPS = flags.DEFINE_integer("train_clips", 50, "Training clips per class.", lower_bound=2)
_VAL_CLIPS = flags.DEFINE_integer("val_clips", 20, "Held-out clips per class.", lower_bound=1)
_EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, by default as in configs/demo.py.", 1)
_RECORDS_ONLY = flags.DEFINE_bool("records_only", False, "Make clips and records, and stop.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the clips and of training.", lower_bound=0)


def run_program(console, name, *arguments):
    """Runs a program of this folder as a user would, and shows the command."""
    command = [sys.executable, "-m", f"trainers.{name}", *arguments]
    console.rule()
    console.print("$ python -m", f"trainers.{name}", *arguments)
    if subprocess.run(command).returncode:
        raise UserError(f"The demo stopped, for trainers.{name} failed: see its message above.")


def make_clips(console, output):
    """Generates the training and held-out clips and one new clip, and returns its path."""
    counts = {"train": _TRAIN_CLIPS.value, "val": _VAL_CLIPS.value}
    with cli.progress(console) as progress:
        task = progress.add_task("Generating clips", info="")
        for done, total in generate_clips(output / "videos", counts, _SEED.value):
            progress.update(task, completed=done, total=total)
    new_clip = output / f"new_{NEW_CLIP_ACTION}.mp4"
    write_video(new_clip, render_clip(NEW_CLIP_ACTION, np.random.default_rng([_SEED.value, 1])))
    return new_clip


def pair_accuracy(confusion):
    """Returns the share of videos whose predicted class is in the right pair, order ignored."""
    pairs = {name: i for i, p in enumerate(ACTION_PAIRS) for name in (p.forward, p.backward)}
    of_class = np.array([pairs[name] for name in CLASS_NAMES])
    return confusion[of_class[:, None] == of_class[None, :]].sum() / confusion.sum()


def summarize(console, output, workdirs, seconds):
    """Draws both pictures and prints the table and where everything is."""
    from gsf_tf.evaluation import confusion_figure, curves_figure

    reports = {
        name: json.loads((workdir.path / "eval_efficiency.json").read_text())
        for name, workdir in workdirs.items()
    }
    matrices = {
        name: np.load(workdir.path / "confusion_efficiency.npy")
        for name, workdir in workdirs.items()
    }
    curves, confusion = output / "training_curves.png", output / "confusion.png"
    lines = {name: workdir.read_metrics() for name, workdir in workdirs.items()}
    curves_figure(lines).savefig(curves, dpi=110)
    titles = {f"{name}: top-1 {r['top1']:.1%}": matrices[name] for name, r in reports.items()}
    confusion_figure(titles, CLASS_NAMES).savefig(confusion, dpi=100, bbox_inches="tight")

    clips = reports["GSF"]["n"]
    table = rich.table.Table("Model", title=f"{clips} held-out clips, {len(CLASS_NAMES)} classes")
    for column in ("Temporal layers", "Top-1", "Top-5", "Pair right, order ignored"):
        table.add_column(column, justify="right")
    for name, report in reports.items():
        layers = workdirs[name].load_model().backbone.layers
        table.add_row(
            PRESETS[name],
            str(sum(layer.name.endswith("_temporal") for layer in layers)),
            f"{report['top1']:.1%}",
            f"{report['top5']:.1%}",
            f"{pair_accuracy(matrices[name]):.1%}",
        )
    console.rule()
    console.print(table)
    for what, path in {
        "Clips": output / "videos",
        "Records": output / "records",
        "Runs": output / "runs",
        "Served model": max(workdirs["GSF"].exports.iterdir(), key=lambda p: int(p.name)),
        "Training curves": curves,
        "Confusion matrices": confusion,
    }.items():
        console.print(f"{what:<19}{path}")
    console.print(f"{'Time':<19}{seconds / 60:.1f} minutes")


def main(_):
    start, output, console = time.monotonic(), pathlib.Path(_OUTPUT.value), cli.console()
    output.mkdir(parents=True, exist_ok=True)

    # ---- Data -------------------------------------------------------------------------------
    new_clip = make_clips(console, output)
    records = f"{output}/records"
    run_program(
        console,
        "prepare",
        f"--videos={output}/videos",
        f"--output={records}",
        "--clips_per_shard=64",
    )
    if _RECORDS_ONLY.value:
        return

    # Imported here, for the processes that make clips import this file and do without TensorFlow.
    from gsf_tf.workdir import Workdir

    # ---- Both models ------------------------------------------------------------------------
    workdirs = {name: Workdir(output / "runs" / name.lower()) for name in PRESETS}
    overrides = [f"--config.data.records={records}", f"--config.seed={_SEED.value}"]
    if _EPOCHS.value:
        overrides.append(f"--config.epochs={_EPOCHS.value}")
        overrides.append(f"--config.warmup_epochs={min(3, _EPOCHS.value - 1)}")
    for name, preset in PRESETS.items():
        run_program(
            console,
            "train",
            f"--config=configs/demo.py:{preset}",
            *overrides,
            f"--workdir={workdirs[name].path}",
        )
        run_program(console, "evaluate", f"--workdir={workdirs[name].path}")

    # ---- Serving ----------------------------------------------------------------------------
    run_program(console, "export", f"--workdir={workdirs['GSF'].path}")
    newest = max(workdirs["GSF"].exports.iterdir(), key=lambda path: int(path.name))
    run_program(console, "predict", f"--model={newest}", str(new_clip))
    summarize(console, output, workdirs, time.monotonic() - start)


if __name__ == "__main__":
    cli.run(main)
