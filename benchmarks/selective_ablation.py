"""Clips on which a gate must choose: every temporal layer, and the fixed gates of Table 5.

  python -m benchmarks.selective_ablation --output=selective --seeds=0,1,2,3,4

Trains one model per method and seed on the clips of `selective_clips.py`, where one shape shows the
action and two others move the other way, and prints top-1 on the held-out clips, of all and of each
kind of scene, mean and spread over the seeds. The backbone is that of `temporal_ablation.py`, and
so is the schedule with --epochs=20. A run that was stopped continues. docs/miniatures.md says what
was expected before, and what came out.
"""

import csv
import pathlib

from absl import flags

from benchmarks.demo_runs import prepare_records, print_table, train_all, workdir, write_csv
from benchmarks.selective_clips import CLASS_NAMES, KINDS, render_selective
from benchmarks.selective_variants import VARIANTS
from trainers import cli

_OUTPUT = flags.DEFINE_string("output", "selective", "Folder for clips, records and runs.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds of training.")
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Epochs.", lower_bound=4)
_TRAIN_CLIPS = flags.DEFINE_integer("train_clips", 75, "Training clips per class.")
_VAL_CLIPS = flags.DEFINE_integer("val_clips", 50, "Held-out clips per class.")
_PARALLEL = flags.DEFINE_integer("parallel", 1, "Models trained at a time.", lower_bound=1)
_VARIANTS = flags.DEFINE_list("variants", None, "Only these rows, by name.")
_CSV = flags.DEFINE_string("csv", None, "Also write every run's figure to this file.")


def top1_of_kind(kind, folder):
    """Returns top-1 of a run on the clips of one kind of scene."""
    with (folder / "per_class_efficiency.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["class"].startswith(f"{kind}_")]
    return sum(int(row["right"]) for row in rows) / sum(int(row["videos"]) for row in rows)


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    names = _VARIANTS.value or [variant.name for variant in VARIANTS]
    unknown = set(names) - {variant.name for variant in VARIANTS}
    if unknown:
        raise cli.FlagError(
            f"--variants must name some of {', '.join(variant.name for variant in VARIANTS)}. "
            f"Received: {', '.join(sorted(unknown))}."
        )
    clips = {"train": _TRAIN_CLIPS.value, "val": _VAL_CLIPS.value}
    prepare_records(output, clips["train"], clips["val"], CLASS_NAMES, render_selective)
    variants = [variant for variant in VARIANTS if variant.name in names]
    top1 = train_all(output, variants, _SEEDS.value, _EPOCHS.value, _PARALLEL.value)
    print_table("Top-1, held-out clips", top1)
    for kind in KINDS:
        of_kind = {
            name: [top1_of_kind(kind, workdir(output, name, seed)) for seed in _SEEDS.value]
            for name in top1
        }
        print_table(f"Top-1, {kind}_*", of_kind)
    if _CSV.value:
        write_csv(_CSV.value, top1, _SEEDS.value, _EPOCHS.value)


if __name__ == "__main__":
    cli.run(main)
