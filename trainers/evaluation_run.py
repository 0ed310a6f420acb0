"""What `gsf-tf evaluate` does: scores a split of records, or averages scores that exist."""

import hashlib
import time

import tensorflow as tf

from gsf_tf.data import LabelMap, reports_damage, video_dataset_from_records
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Scores, fuse_scores, score_videos
from gsf_tf.evaluation.missing_videos import missing_videos
from gsf_tf.evaluation.published_result import published_result
from gsf_tf.evaluation.write_evaluation import write_evaluation
from gsf_tf.models import list_presets
from gsf_tf.process_description import describe_process
from gsf_tf.recipes.config_dict import ConfigDict
from gsf_tf.tasks import ACTION, task_logits
from gsf_tf.training.resized_model import resized_model

from . import cli


def evaluate(
    subject,
    protocol,
    console,
    *,
    views_per_step,
    image_size=None,
    num_segments=None,
    scores_csv=False,
    check_names=None,
):
    """Scores a split and writes all files of the evaluation.

    Args:
        subject: `EvaluationSubject`: the model, the records and the folder for the results.
        protocol: `Protocol`.
        console: Console for the progress bar.
        views_per_step: Views that run through the model at once.
        image_size: Height and width of the frames in pixels, or None for those of the model.
        num_segments: Frames per clip, or None for those of the model.
        scores_csv: Also write the scores as text.
        check_names: Function that is called before the scoring with the dictionary from each task
            to the names of its classes, and may raise UserError; or None.

    Returns:
        The name of the evaluation and its report, a dictionary.
    """
    # ---- Model and data ---------------------------------------------------------------------
    trained_with = subject.trained_with
    records, split, info = subject.records, subject.split, subject.info
    clips, labels = info.num_clips(split), LabelMap(info.labels)
    strategy = tf.distribute.MirroredStrategy()
    with strategy.scope():
        opened = subject.open()
    opened.check_labels(labels, records)
    if opened.is_served:
        strategy = tf.distribute.get_strategy()  # The graph of an export has one device.
    config, own_shape = subject.config(opened, protocol), opened.network.input_shape
    data = config["data"]
    with strategy.scope():
        size = num_segments or own_shape[1], image_size or own_shape[2]
        network = opened.network if size == own_shape[1:3] else resized(opened, config, info, *size)
    _, num_segments, height, width, _ = network.input_shape
    tasks = task_logits(network.output)
    class_names = {
        task: names
        for task, names in {ACTION: info.labels, **info.task_classes}.items()
        if task in tasks
    }
    if check_names is not None:
        check_names(class_names)
    dataset = video_dataset_from_records(
        info.shard_files(records, split),
        num_segments=num_segments,
        batch_size=max(1, views_per_step // protocol.views),
        image_size=(height, width),
        sampling=data["sampling"],
        frame_stride=data["frame_stride"],
        num_clips=protocol.clips,
        num_crops=protocol.crops,
        full_short_side=protocol.full_short_side,
        crops_along=protocol.crops_along,
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
            network,
            dataset,
            class_names,
            views_per_step=views_per_step,
            strategy=strategy,
            on_step=show,
        )
    if len(scores) + dataset.damage.clips != clips:
        raise UserError(
            f"The records must hold as many clips as their dataset_info.json says. {records} has "
            f"{len(scores)} of {split}, and should have {clips}. Prepare the records again."
        )

    # ---- Report -----------------------------------------------------------------------------
    name = protocol.name + subject.suffix
    name += "" if height == own_shape[2] else f"_{height}px"
    name += "" if num_segments == own_shape[1] else f"_{num_segments}f"
    as_in_paper = subject.own_split and network.input_shape == own_shape

    def describe(metrics):
        return {
            "protocol": protocol.name,
            "clips": protocol.clips,
            "crops": protocol.crops,
            "full_short_side": protocol.full_short_side,
            "crops_along": protocol.crops_along,
            "sampling": data["sampling"],
            "num_segments": num_segments,
            "image_size": [height, width],
            "records": str(records),
            "source": info.source,
            "split": split,
            "videos": missing_videos(records, info, split, dataset.damage.records),
            "model": opened.name,
            "model_sha256": opened.sha256,
            "label_fingerprint": labels.fingerprint,
            "preset": config["model"]["preset"],
            "seed": config["seed"],
            "trained_with": trained_with,
            **describe_process(),
            "paper": published_result(config, protocol, metrics) if as_in_paper else None,
        }

    title = config["model"]["preset"]
    return name, write_evaluation(
        subject.results, name, scores, describe, title=title, scores_csv=scores_csv
    )


def resized(opened, config, info, num_segments, image_size):
    """Returns the network for clips of another size, with the same weights."""
    network = opened.layers_of
    if config["model"]["preset"] not in list_presets():
        raise UserError(
            "`num_segments` and `image_size` may differ from those of the training for presets "
            f"only, whose network can be built anew. Received: {opened.name}, which names no "
            "preset. Leave them out."
        )
    return resized_model(network, ConfigDict(config), info, num_segments, image_size)


def fuse(workdir, files, mean, weights=None, scores_csv=False):
    """Averages scores files and writes all files of the evaluation.

    Args:
        workdir: `Workdir` for the result.
        files: Paths of scores files.
        mean: What is averaged, `"logits"` or `"probabilities"`.
        weights: A weight for each file, or None for equal ones.
        scores_csv: Also write the scores as text.

    Returns:
        The report, a dictionary.
    """
    if len(set(files)) < len(files):
        raise UserError(
            f"`fuse` must name each file once. Received: {','.join(files)}. Give a file more "
            "weight with `fuse_weights`."
        )
    scores = fuse_scores({file: Scores.load(file) for file in files}, mean, weights)
    shares = weights or [1.0] * len(files)

    def describe(metrics):
        return {
            "fused": [
                {"scores": file, "sha256": sha256(file), "weight": weight}
                for file, weight in zip(files, shares, strict=True)
            ],
            "mean": mean,
            "label_fingerprint": scores.fingerprints[ACTION],
            **describe_process(),
        }

    title = f"{len(files)} models"
    return write_evaluation(workdir, "fused", scores, describe, title=title, scores_csv=scores_csv)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
