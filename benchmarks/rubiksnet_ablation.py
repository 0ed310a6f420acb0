"""RubiksNet's studies in miniature: learned and fixed shifts, and the three kinds of shift.

  python -m benchmarks.rubiksnet_ablation --output=ablation --seeds=0,1,2

Trains one `rubiksnet_mini` per row and seed on the clips of the embedded default (RubiksNet paper,
Tables 4 and 5) and prints top-1 on the held-out clips, mean and spread over the seeds. The row
"interpolated" is also Table 4's learned-learned. For the attention model (budget 0.125) it
prints the share of moving channels, and in how many held-out clips the prediction changes when
`harden` puts integer shifts in the place of the attention. About seven minutes per model on one
core, twice that where it is quantized; a run that was stopped continues.
"""

import json
import pathlib

import keras
import numpy as np
import rich.console
import rich.table
from absl import flags

from benchmarks.demo_runs import (
    Variant,
    prepare_records,
    print_table,
    train_all,
    workdir,
    write_csv,
)
from gsf_tf.data import DatasetInfo, video_dataset_from_records
from gsf_tf.models import harden
from trainers import cli

CONFIG = "configs/demo_rubiksnet.py:rubiksnet_mini"
FIXED_SPACE, FIXED_TIME = (
    "--config.model.spatial_shift=fixed",
    "--config.model.temporal_shift=fixed",
)
VARIANTS = [
    Variant("interpolated", CONFIG),
    Variant("fixed_temporal", CONFIG, (FIXED_TIME,)),
    Variant("fixed_spatial", CONFIG, (FIXED_SPACE,)),
    Variant("fixed_both", CONFIG, (FIXED_SPACE, FIXED_TIME)),
    Variant("quantized", CONFIG, ("--config.model.shift_mode=quantized",)),
    Variant("attention", f"{CONFIG}_aq"),
]

_OUTPUT = flags.DEFINE_string("output", "ablation", "Folder for clips, records and runs.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of training.")
_EPOCHS = flags.DEFINE_integer("epochs", 30, "Epochs.", lower_bound=4)
_TRAIN_CLIPS = flags.DEFINE_integer("train_clips", 50, "Training clips per class.")
_VAL_CLIPS = flags.DEFINE_integer("val_clips", 40, "Held-out clips per class.")
_PARALLEL = flags.DEFINE_integer("parallel", 1, "Models trained at a time.", lower_bound=1)
_CSV = flags.DEFINE_string("csv", None, "Also write every run's figure to this file.")


def hardening(output, seed):
    """Returns what `harden` does to the attention model of a seed."""
    folder = workdir(output, "attention", seed)
    config = json.loads((folder / "config.json").read_text())
    records = output / "records"
    dataset = video_dataset_from_records(
        DatasetInfo.load(records).shard_files(records, "val"),
        num_segments=config["model"]["num_segments"],
        batch_size=32,
        image_size=(config["model"]["image_size"],) * 2,
        training=False,
    )
    model = keras.models.load_model(folder / "model.keras")
    hardened = harden(model)
    soft = np.argmax(model.predict(dataset, verbose=0), axis=1)
    hard = np.argmax(hardened.model.predict(dataset, verbose=0), axis=1)
    return hardened, int(np.sum(soft != hard)), len(soft)


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    prepare_records(output, _TRAIN_CLIPS.value, _VAL_CLIPS.value)
    top1 = train_all(output, VARIANTS, _SEEDS.value, _EPOCHS.value, _PARALLEL.value)
    print_table("Top-1, held-out clips", top1)
    table = rich.table.Table("Seed", "Budget", "Moving channels", "Changed predictions")
    for seed in _SEEDS.value:
        hardened, changed, clips = hardening(output, seed)
        table.add_row(
            seed, f"{hardened.budget}", f"{hardened.nonzero_share:.3f}", f"{changed} of {clips}"
        )
    cli.console().print(table)
    if _CSV.value:
        write_csv(_CSV.value, top1, _SEEDS.value, _EPOCHS.value)


if __name__ == "__main__":
    cli.run(main)
