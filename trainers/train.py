"""Train a model on records, or continue a run.

  gsf-tf train --config=smoke --workdir=runs/smoke
  gsf-tf train --config=folder:gsf_mobilenetv2 --config.data.records=my_records --workdir=runs/mine
  gsf-tf train --config=gsf:resnet50_ssv2_16f --workdir=runs/gsf --dry_run

The workdir receives all of the run. --config is the name of a configuration that comes with gsf_tf,
followed by a colon and the row of its table, or the path of a file of your own. --config=help lists
the names, and --config=gsf:help lists the rows of one.

Any value of the configuration can be set with --config.NAME=VALUE; a name that it does not have is
an error. gsf_tf/recipes/defaults.py lists all values. All GPUs that TensorFlow sees are used, or
the CPU; with TF_CONFIG in the environment, those of several machines (docs/training.md). --dry_run
prints what would be trained, draws the first batch to dry_run.png and stops.

If the workdir holds a run, the command continues it from the newest checkpoint, in the middle of
an epoch too (--config.checkpoint.every_steps). On a CPU in float32 it ends with exactly the weights
of a run that was never stopped.

One process at a time trains in a workdir, or the workers of one run; a second command names the
first process and ends. With --take_over it goes on, and the first ends at its next checkpoint.

--seeds=3 trains with the seeds 0, 1 and 2 one after the other (from --config.seed on), each in a
folder seed-N of the workdir, and prints mean and range of the validation's top-1. With few clips
one seed says little. The same command continues where it was stopped.

SIGTERM and Ctrl-C write a checkpoint after the running step and end with the exit status 143 and
130; a second one ends at once. Status 1 is an error that the message explains. Watch a run with:
tensorboard --logdir=runs/mine/events
"""

import os
import sys

from absl import flags

from . import cli
from .config_flag import define_config

_CONFIG = define_config("Configuration: a name or a path, and the row after a colon.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; continued if it has one.")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print what would be trained, and stop.")
_TAKE_OVER = flags.DEFINE_bool(
    "take_over", False, "Train although another process does in this workdir; that one ends."
)
_SEEDS = flags.DEFINE_integer("seeds", 1, "Number of seeds to train with.", lower_bound=1)
flags.mark_flags_as_required(["config", "workdir"])


def several_seeds():
    from .seeds import train_seeds

    if _DRY_RUN.value or "TF_CONFIG" in os.environ:
        raise cli.FlagError(
            "--seeds trains one run after the other on one machine, so it goes neither with "
            f"--dry_run nor with TF_CONFIG. Received: --seeds={_SEEDS.value}. Leave one out."
        )
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--seeds=")]
    if len(arguments) == len(sys.argv) - 1:
        raise cli.FlagError(
            f"The number of seeds must be given as --seeds={_SEEDS.value}, in one word. Received: "
            f"{' '.join(sys.argv[1:])}"
        )
    first = _CONFIG.value.seed
    return train_seeds(arguments, _WORKDIR.value, first, _SEEDS.value, cli.console())


def main(_):
    if _SEEDS.value > 1:
        return several_seeds()
    from gsf_tf.workdir import Workdir

    from .train_loop import train

    return train(
        _CONFIG.value, Workdir(_WORKDIR.value), cli.console(), _DRY_RUN.value, _TAKE_OVER.value
    )


if __name__ == "__main__":
    cli.run(main)
