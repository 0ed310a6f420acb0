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
classes alone are compared. A run that was stopped continues with the same flags.
"""

import pathlib

import numpy as np
import rich.console
import rich.table
from absl import flags

from benchmarks.demo_runs import print_table, train_all, workdir
from benchmarks.directions import right_directions
from benchmarks.real_runs import METHODS, check_runs, minutes, variant
from gsf_tf.evaluation.scores import Scores
from trainers import cli

_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder with records/; runs/ go there.", required=True
)
_METHODS = flags.DEFINE_list("methods", list(METHODS), "Rows of the table: METHOD or METHOD:START.")
_BACKBONE = flags.DEFINE_string("backbone", "efficientnetlite0", "Backbone of all models.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of training.")
_EPOCHS = flags.DEFINE_integer("epochs", 6, "Epochs.", lower_bound=4)
_SCRATCH_EPOCHS = flags.DEFINE_integer(
    "scratch_epochs", None, "Epochs from random weights; by default as many.", lower_bound=4
)
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 112, "Pixels.", lower_bound=32)
_PARALLEL = flags.DEFINE_integer("parallel", 1, "Models trained at a time.", lower_bound=1)


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
    if not _SEEDS.value or not _METHODS.value:
        raise cli.FlagError("--seeds and --methods must name at least one. Received: none.")
    extra = tuple(argv[1:])
    output = pathlib.Path(_OUTPUT.value)
    rows = [variant(row, _BACKBONE.value, _IMAGE_SIZE.value, extra) for row in _METHODS.value]
    scratch_epochs = _SCRATCH_EPOCHS.value or _EPOCHS.value
    epochs_of = {
        row.name: scratch_epochs if row.config.endswith(",scratch") else _EPOCHS.value
        for row in rows
    }
    check_runs(output, rows, _SEEDS.value, epochs_of)
    top1 = {}
    for epochs in sorted({*epochs_of.values()}):
        chosen = [row for row in rows if epochs_of[row.name] == epochs]
        top1 |= train_all(output, chosen, _SEEDS.value, epochs, _PARALLEL.value)
    top1 = {row.name: top1[row.name] for row in rows}
    print_table("Top-1, validation clips", top1)
    folders = {name: [workdir(output, name, seed) for seed in _SEEDS.value] for name in top1}
    _print_directions(
        {
            name: [right_directions(Scores.load(run / "scores_efficiency.npz")) for run in runs]
            for name, runs in folders.items()
        }
    )
    for name, runs in folders.items():
        print(f"{name}: {np.mean([minutes(run) for run in runs]):.1f} minutes of training steps")


if __name__ == "__main__":
    cli.run(main)
