"""Clips on which a gate must choose: every temporal layer, and the fixed gates of Table 5.

  python -m benchmarks.selective_ablation --output=selective --seeds=0,1,2,3,4

Trains one model per method and seed on the clips of `selective_clips.py`, where one shape shows the
action and two others move the other way, and prints top-1 on the held-out clips, mean and spread
over the seeds. The backbone and the schedule are those of `temporal_ablation.py`. A run that was
stopped continues. docs/miniatures.md says what was expected before, and what came out.
"""

import pathlib

from absl import flags

from benchmarks.demo_runs import prepare_records, print_table, train_all, write_csv
from benchmarks.selective_clips import CLASS_NAMES, render_selective
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
    if _CSV.value:
        write_csv(_CSV.value, top1, _SEEDS.value, _EPOCHS.value)


if __name__ == "__main__":
    cli.run(main)
