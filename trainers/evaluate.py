"""Evaluates a trained model by the papers' protocols, and fuses the scores of several.

  python -m trainers.evaluate --workdir=runs/mine
  python -m trainers.evaluate --workdir=runs/mine --protocol=accuracy
  python -m trainers.evaluate --workdir=runs/mine --clips=4 --crops=1 --split=test
  python -m trainers.evaluate --workdir=runs/both \\
      --fuse=runs/8f/scores_accuracy.npz,runs/16f/scores_accuracy.npz

--protocol is efficiency (1 clip x 1 center crop), accuracy (2 x 3) or kinetics (10 x 3); --clips
and --crops set any other. --full_short_side takes crops over the whole short side instead of 224 of
its 256 parts: with --protocol=accuracy, TSM's full-resolution test. Logits are averaged over the
views of a video. Clips are sampled as in training (segments or dense windows).

Writes to the workdir, with the protocol in the names (and the split and the model, if others than
the run's):

  eval_accuracy.json       top-1, top-5, mean class accuracy, the paper's top-1 where the
                           configuration names it, and what was evaluated: views, records, missing
                           videos, model and label hashes, seed, versions
  per_class_accuracy.csv   a line per class
  confusion_accuracy.npy   and .png: rows the true classes, columns the predicted ones
  scores_accuracy.npz      logits and label of every video, for --fuse (--scores_csv: as text too)

A model with verb, noun and action has tables for each of them, and verb_noun_top1: both right.

With --fuse, no model runs: the files' scores are averaged, and --workdir is the folder for the
result, eval_fused.json and the rest. They must be of the same videos, labels and classes.
"""

import hashlib
import pathlib
import time

import tensorflow as tf
from absl import flags

from gsf_tf.data import DatasetInfo, LabelMap, reports_damage, video_dataset_from_records
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Protocol, Scores, fuse_scores, score_videos
from gsf_tf.evaluation.fusion import MEANS
from gsf_tf.evaluation.missing_videos import missing_videos
from gsf_tf.evaluation.protocol import PROTOCOLS
from gsf_tf.evaluation.published_result import published_result
from gsf_tf.evaluation.write_evaluation import write_evaluation
from gsf_tf.tasks import ACTION, task_logits
from gsf_tf.workdir import Workdir, describe_process
from trainers import cli
from trainers.evaluation_report import print_report

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a training run; for the results.")
_PROTOCOL = flags.DEFINE_enum("protocol", None, list(PROTOCOLS), "By default efficiency.")
_CLIPS = flags.DEFINE_integer("clips", None, "Clips per video, instead of --protocol.", 1)
_CROPS = flags.DEFINE_integer("crops", None, "Crops per clip, instead of --protocol.", 1)
_FULL = flags.DEFINE_bool("full_short_side", False, "Crops reach over the whole short side.")
_MODEL = flags.DEFINE_string("model", None, "A .keras file, by default the run's model.keras.")
_RECORDS = flags.DEFINE_string("records", None, "Records; by default those of the training run.")
_SPLIT = flags.DEFINE_string("split", None, "Split; by default the run's validation split.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Views that run through the model at once.", 1)
_SCORES_CSV = flags.DEFINE_bool("scores_csv", False, "Also write the scores as text.")
_FUSE = flags.DEFINE_list("fuse", None, "Scores files to average, separated by commas.")
_FUSE_MEAN = flags.DEFINE_enum("fuse_mean", MEANS[0], MEANS, "What --fuse averages.")
flags.mark_flag_as_required("workdir")


def main(_):
    workdir, console = Workdir(_WORKDIR.value), cli.console()
    if _FUSE.value:
        check_fuse_flags()
        name, report = "fused", fuse(workdir, _FUSE.value)
    else:
        name, report = evaluate(workdir, chosen_protocol(), console)
    print_report(console, report)
    console.print(f"Wrote {workdir.path / f'eval_{name}.json'} and the files beside it")


def check_fuse_flags():
    others = (_PROTOCOL, _CLIPS, _CROPS, _FULL, _MODEL, _RECORDS, _SPLIT)
    given = [f"--{flag.name}" for flag in others if flag.present]
    if given:
        raise UserError(
            "With --fuse no model runs, so what to run it on is left out. Received: --fuse and "
            f"{', '.join(given)}."
        )


def chosen_protocol():
    if _CLIPS.value or _CROPS.value:
        if _PROTOCOL.value:
            raise UserError(
                "Views are chosen by --protocol or by --clips and --crops. Received: "
                f"--protocol={_PROTOCOL.value} with --clips={_CLIPS.value} and "
                f"--crops={_CROPS.value}. Leave one of them out."
            )
        return Protocol(_CLIPS.value or 1, _CROPS.value or 1, _FULL.value)
    return Protocol.named(_PROTOCOL.value or "efficiency", _FULL.value)


def evaluate(workdir, protocol, console):
    """Scores a split and returns the name of the evaluation and its report."""
    # ---- Model and data ---------------------------------------------------------------------
    config = workdir.read_config()
    data = config["data"]
    records, split = _RECORDS.value or data["records"], _SPLIT.value or data["val_split"]
    model_file = pathlib.Path(_MODEL.value or workdir.model_file)
    info = DatasetInfo.load(records)
    clips, labels = info.num_clips(split), LabelMap(info.labels)
    workdir.check_labels(labels, records)
    strategy = tf.distribute.MirroredStrategy()
    with strategy.scope():
        model = workdir.load_model(_MODEL.value)
    _, num_segments, height, width, _ = model.input_shape
    tasks = task_logits(model.output)
    class_names = {
        task: names
        for task, names in {ACTION: info.labels, **info.task_classes}.items()
        if task in tasks
    }
    dataset = video_dataset_from_records(
        info.shard_files(records, split),
        num_segments=num_segments,
        batch_size=max(1, _BATCH_SIZE.value // protocol.views),
        image_size=(height, width),
        sampling=data["sampling"],
        frame_stride=data["frame_stride"],
        num_clips=protocol.clips,
        num_crops=protocol.crops,
        full_short_side=protocol.full_short_side,
        clip_ids=True,
        tasks=[task for task in class_names if task != ACTION],
        on_error=data["on_error"],
    )

    # ---- Scores -----------------------------------------------------------------------------
    with reports_damage(), cli.progress(console) as progress:
        bar = progress.add_task(f"Evaluating {split}", total=clips, info="")
        start = time.monotonic()

        def show(videos):
            rate = videos / (time.monotonic() - start)
            progress.update(bar, completed=videos, info=f"{rate:.1f} videos/s")

        scores = score_videos(
            model,
            dataset,
            class_names,
            views_per_step=_BATCH_SIZE.value,
            strategy=strategy,
            on_step=show,
        )
    if len(scores) + dataset.damage.clips != clips:
        raise UserError(
            f"The records must hold as many clips as their dataset_info.json says. {records} has "
            f"{len(scores)} of {split}, and should have {clips}. Prepare the records again."
        )

    # ---- Report -----------------------------------------------------------------------------
    own_split = split == data["val_split"]
    name = protocol.name
    name += "" if own_split else f"_{split}"
    name += "" if model_file == workdir.model_file else f"_{model_file.stem}"

    def describe(metrics):
        return {
            "protocol": protocol.name,
            "clips": protocol.clips,
            "crops": protocol.crops,
            "full_short_side": protocol.full_short_side,
            "sampling": data["sampling"],
            "num_segments": num_segments,
            "image_size": [height, width],
            "records": str(records),
            "source": info.source,
            "split": split,
            "videos": missing_videos(records, info, split, dataset.damage.records),
            "model": str(model_file),
            "model_sha256": sha256(model_file),
            "label_fingerprint": labels.fingerprint,
            "preset": config["model"]["preset"],
            "seed": config["seed"],
            "trained_with": workdir.read_run()["git_revision"],
            **describe_process(),
            "paper": published_result(config, protocol, metrics) if own_split else None,
        }

    title = config["model"]["preset"]
    return name, write_evaluation(
        workdir, name, scores, describe, title=title, scores_csv=_SCORES_CSV.value
    )


def fuse(workdir, files):
    """Averages scores files and returns the report."""
    scores = fuse_scores({file: Scores.load(file) for file in files}, _FUSE_MEAN.value)

    def describe(metrics):
        return {
            "fused": [{"scores": file, "sha256": sha256(file)} for file in files],
            "mean": _FUSE_MEAN.value,
            "label_fingerprint": scores.fingerprints[ACTION],
            **describe_process(),
        }

    title = f"{len(files)} models"
    return write_evaluation(
        workdir, "fused", scores, describe, title=title, scores_csv=_SCORES_CSV.value
    )


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    cli.run(main)
