"""TSN, TSM, GSM and GSF on real clips, from ImageNet weights and from noise (docs/real_videos.md).

    gsf-tf prepare --videos=ucf101_3 --annotations=ucf101_3/train.txt \\
        --val_annotations=ucf101_3/val.txt --output=real/classes/records
    python -m benchmarks.real_videos --output=real/classes --methods=tsn,tsm,gsm,gsf,gsf:scratch

Trains `--config=folder:METHOD_BACKBONE` once for each method and seed on the records in
`OUTPUT/records`, and prints top-1 on the validation clips, mean and range over the seeds. Behind a
method, `:scratch` starts from random weights and `:paper` starts the temporal layers as the papers
do (`start="paper"`). The runs are short: one epoch of the linear layer alone and two of warm-up
(from random weights one). Further flags of `gsf-tf train` follow after `--`, such as
`-- --config.augmentation.flip=0.5`.

Where classes are paired as `NAME` and `NAME_backward` (benchmarks.both_directions), a second table
has the share of clips of each pair whose direction is right, given the pair: the logits of the two
classes alone are compared. A run that was stopped continues.
"""

import json
import pathlib

import numpy as np
import rich.console
import rich.table
from absl import flags

from benchmarks.demo_runs import Variant, print_table, train_all, workdir, write_csv
from benchmarks.directions import right_directions
from gsf_tf.evaluation.scores import Scores
from trainers import cli

METHODS = ("tsn", "tsm", "gsm", "gsf")
STARTS = ("scratch", "paper")

_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder with records/; runs/ go there.", required=True
)
_METHODS = flags.DEFINE_list("methods", list(METHODS), "Rows of the table: METHOD or METHOD:START.")
_BACKBONE = flags.DEFINE_string("backbone", "efficientnetlite0", "Backbone of all models.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of training.")
_EPOCHS = flags.DEFINE_integer("epochs", 8, "Epochs.", lower_bound=4)
_SCRATCH_EPOCHS = flags.DEFINE_integer(
    "scratch_epochs", None, "Epochs from random weights; by default as many.", lower_bound=4
)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 112, "Pixels.", lower_bound=32)
_PARALLEL = flags.DEFINE_integer("parallel", 1, "Models trained at a time.", lower_bound=1)
_CSV = flags.DEFINE_string("csv", None, "Also write every run's top-1 to this file.")


def variant(row, backbone, image_size, extra=()):
    """Returns the runs of a row of the table.

    Args:
        row: `METHOD` or `METHOD:START`.
        backbone: Name of a backbone.
        image_size: Pixels.
        extra: Further flags of `gsf-tf train`.
    """
    method, _, start = row.partition(":")
    config = f"configs/folder.py:{method}_{backbone}"
    if method not in METHODS or start not in ("", *STARTS):
        raise cli.FlagError(
            f"--methods must name {', '.join(METHODS)}, alone or with :{' or :'.join(STARTS)}. "
            f"Received: {row!r}."
        )
    flags_of_row = [f"--config.model.image_size={image_size}", "--config.estimate_steps=0"]
    if start == "scratch":
        config += ",scratch"
        flags_of_row.append("--config.warmup_epochs=1")
    else:
        flags_of_row += ["--config.warmup_epochs=2", "--config.freeze_backbone_epochs=1"]
    if start == "paper":
        flags_of_row.append("--config.model.start=paper")
    return Variant(row.replace(":", "_"), config, (*flags_of_row, *extra))


def _minutes(folder):
    """Returns the minutes of the training steps of a run, without validation."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    clips_per_step = json.loads((folder / "config.json").read_text())["data"]["batch_size"]
    last, seconds = 0, 0.0
    for line in lines:
        seconds += (line["step"] - last) * clips_per_step / line["clips_per_second"]
        last = line["step"]
    return seconds / 60


def _print_directions(found):
    """Prints, per pair of classes, mean and range of the shares of right directions."""
    pairs = next(iter(found.values()))[0]
    if not pairs:
        return
    table = rich.table.Table("Variant", *pairs, title="Right direction, given the class")
    for name, shares in found.items():
        columns = [[of_seed[pair] for of_seed in shares] for pair in pairs]
        table.add_row(name, *(f"{np.mean(c):.1%} ({min(c):.1%}..{max(c):.1%})" for c in columns))
    rich.console.Console().print(table)


def main(argv):
    extra = tuple(argv[1:])
    output = pathlib.Path(_OUTPUT.value)
    rows = [variant(row, _BACKBONE.value, _IMAGE_SIZE.value, extra) for row in _METHODS.value]
    top1 = {}
    for epochs, of_scratch in (
        (_EPOCHS.value, False),
        (_SCRATCH_EPOCHS.value or _EPOCHS.value, True),
    ):
        chosen = [row for row in rows if row.config.endswith(",scratch") == of_scratch]
        top1 |= train_all(output, chosen, _SEEDS.value, epochs, _PARALLEL.value)
    print_table("Top-1, validation clips", top1)
    folders = {name: [workdir(output, name, seed) for seed in _SEEDS.value] for name in top1}
    _print_directions(
        {
            name: [right_directions(Scores.load(run / "scores_efficiency.npz")) for run in runs]
            for name, runs in folders.items()
        }
    )
    for name, runs in folders.items():
        print(f"{name}: {np.mean([_minutes(run) for run in runs]):.1f} minutes of training steps")
    if _CSV.value:
        write_csv(_CSV.value, top1, _SEEDS.value, _EPOCHS.value)


if __name__ == "__main__":
    cli.run(main)
