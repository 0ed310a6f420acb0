"""The papers' point in miniature: the same backbone and schedule with each temporal layer.

  python -m benchmarks.temporal_ablation --output=ablation --seeds=0,1,2
  python -m benchmarks.temporal_ablation --output=ablation --methods=gsf,gsf_causal

Trains one model per method and seed on the clips of the embedded default (GSF paper, Table 5 and
the TSN, TSM and GSM rows of Table 8) and prints top-1 on the held-out clips, mean and spread over
the seeds. A seed draws weights, crops and order; the clips stay the same. `_causal` behind a method
is its form in which no frame reads a later one. About two and a half minutes per model on two
cores; a run that was stopped continues.
"""

import pathlib

from absl import flags

from benchmarks.demo_runs import Variant, prepare_records, print_table, train_all, write_csv
from trainers import cli

METHODS = ("tsn", "tsm", "gsm", "gsf")
CAUSAL = {f"{method}_causal": method for method in METHODS[1:]}

_OUTPUT = flags.DEFINE_string("output", "ablation", "Folder for clips, records and runs.")
_METHODS = flags.DEFINE_list(
    "methods", list(METHODS), f"Rows of the table: {', '.join((*METHODS, *CAUSAL))}."
)
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of training.")
_EPOCHS = flags.DEFINE_integer("epochs", 20, "Epochs.", lower_bound=4)
_TRAIN_CLIPS = flags.DEFINE_integer("train_clips", 50, "Training clips per class.")
_VAL_CLIPS = flags.DEFINE_integer("val_clips", 40, "Held-out clips per class.")
_PARALLEL = flags.DEFINE_integer("parallel", 1, "Models trained at a time.", lower_bound=1)
_CSV = flags.DEFINE_string("csv", None, "Also write every run's figure to this file.")


def variant(name):
    """Returns the row of a method, causal or not."""
    config = f"configs/demo.py:{CAUSAL.get(name, name)}_resnet14thin"
    return Variant(name, config, ("--config.model.causal=true",) if name in CAUSAL else ())


def main(_):
    unknown = {*_METHODS.value} - {*METHODS, *CAUSAL}
    if unknown:
        raise cli.FlagError(
            f"--methods must name some of {', '.join((*METHODS, *CAUSAL))}. "
            f"Received: {', '.join(sorted(unknown))}."
        )
    output = pathlib.Path(_OUTPUT.value)
    prepare_records(output, _TRAIN_CLIPS.value, _VAL_CLIPS.value)
    variants = [variant(method) for method in _METHODS.value]
    top1 = train_all(output, variants, _SEEDS.value, _EPOCHS.value, _PARALLEL.value)
    print_table("Top-1, held-out clips", top1)
    if _CSV.value:
        write_csv(_CSV.value, top1, _SEEDS.value, _EPOCHS.value)


if __name__ == "__main__":
    cli.run(main)
