"""Evaluates a trained model: one clip per video, centre crop, uniform segments.

  python -m trainers.evaluate --workdir=runs/mine
  python -m trainers.evaluate --workdir=runs/mine --records=other_records --split=test

Writes eval_efficiency.json (top-1, top-5, mean class accuracy, accuracy per class, confusion
matrix) and confusion.png to the workdir; for another split than the run's, with its name.
"""

import math

import numpy as np
from absl import flags

from gsf_tf.data import DatasetInfo, LabelMap, video_dataset_from_records
from gsf_tf.evaluation import classification_metrics, confusion_figure
from gsf_tf.workdir import Workdir
from trainers import cli

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a finished training run.")
_RECORDS = flags.DEFINE_string("records", None, "Records; by default those of the training run.")
_SPLIT = flags.DEFINE_string("split", None, "Split; by default the run's validation split.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Clips per batch.", lower_bound=1)
flags.mark_flag_as_required("workdir")


def main(_):
    # ---- Model and data ---------------------------------------------------------------------
    workdir = Workdir(_WORKDIR.value)
    config = workdir.read_config()
    records = _RECORDS.value or config["data"]["records"]
    split = _SPLIT.value or config["data"]["val_split"]
    info = DatasetInfo.load(records)
    clips, labels = info.num_clips(split), LabelMap(info.labels)
    workdir.check_labels(labels, records)
    model = workdir.load_model()
    _, num_segments, height, width, _ = model.input_shape
    dataset = video_dataset_from_records(
        info.shard_files(records, split),
        num_segments=num_segments,
        batch_size=_BATCH_SIZE.value,
        image_size=(height, width),
    )

    # ---- Scores -----------------------------------------------------------------------------
    console = cli.console()
    logits, labels_seen = [], []
    with cli.progress(console) as progress:
        task = progress.add_task(
            f"Evaluating {split}", total=math.ceil(clips / _BATCH_SIZE.value), info=""
        )
        for clip, label in dataset:
            logits.append(model.predict_on_batch(clip))
            labels_seen.append(label.numpy())
            progress.advance(task)

    # ---- Report -----------------------------------------------------------------------------
    metrics = classification_metrics(
        np.concatenate(logits), np.concatenate(labels_seen), labels.names
    )
    report = {"protocol": "efficiency", "records": records, "split": split, "clips_expected": clips}
    suffix = "" if split == config["data"]["val_split"] else f"_{split}"
    path = workdir.write_json(f"eval_efficiency{suffix}", {**report, **metrics})
    picture = workdir.path / f"confusion{suffix}.png"
    figure = confusion_figure({config["model"]["preset"]: metrics["confusion"]}, labels.names)
    figure.savefig(picture, dpi=100, bbox_inches="tight")
    console.print(
        f"{metrics['n']} videos: top-1 {metrics['top1']:.1%}, top-5 {metrics['top5']:.1%}, "
        f"mean class accuracy {metrics['mean_class_accuracy']:.1%}\n"
        f"Wrote {path} and {picture}"
    )


if __name__ == "__main__":
    cli.run(main)
