"""Clips from TFRecords."""

import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation
from gsf_tf.data.pipeline.batching import augment_clips, batch_clips
from gsf_tf.data.pipeline.checked_shards import CheckedShards
from gsf_tf.data.pipeline.clip_loader import ClipLoader
from gsf_tf.data.pipeline.clip_rule import ClipRule
from gsf_tf.data.pipeline.data_service import distribute
from gsf_tf.data.pipeline.record_labels import RecordLabels
from gsf_tf.data.pipeline.record_stream import RecordStream
from gsf_tf.data.pipeline.shard_copies import copy_shards
from gsf_tf.data.records import object_store
from gsf_tf.data.records.damage_log import DamageLog
from gsf_tf.data.records.dataset_info import DatasetInfo
from gsf_tf.errors import DataError


# Converting all that is mapped takes seconds; none of it branches on tensors in Python.
@tf.autograph.experimental.do_not_convert
def video_dataset_from_records(
    file_pattern: str | list[str],
    num_segments: int = 8,
    batch_size: int = 32,
    *,
    image_size: tuple[int, int] = (224, 224),
    training: bool = False,
    augmentation: Augmentation | Mapping | None = None,
    sampling: str = "segments",
    frame_stride: int | None = None,
    num_clips: int = 1,
    num_crops: int = 1,
    full_short_side: bool = False,
    seed: int = 0,
    epoch: int | None = None,
    skip_batches: int = 0,
    shuffle_buffer: int = 256,
    drop_remainder: bool | None = None,
    num_workers: int = 1,
    worker: int = 0,
    shard_by: str = "record",
    cache: bool | str | os.PathLike = False,
    service: str | None = None,
    deterministic: bool = True,
    clip_ids: bool = False,
    parts: Sequence[str] = (),
    on_error: str = "raise",
    damage: DamageLog | None = None,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Makes a dataset of one pass over records that `trainers.prepare` wrote.

    Only the frames that are sampled are decoded, and of them only the part inside the crop.
    In training, clips are shuffled while still encoded, each segment gives a random frame,
    and one random multi-scale crop serves all frames of the clip; `augmentation` changes that
    and adds to it. In evaluation, each segment gives its middle frame, the crop is the center,
    and every clip comes exactly once, in a fixed order; `num_clips` and `num_crops` give
    several views of it. Clips are mirrored only if `augmentation` says so, for that would break
    labels that speak of left and right.

    All randomness is a function of `seed`, the epoch and the clip's place in its shard.
    With `epoch` given, the dataset is that epoch, the same whenever it is iterated (a
    trainer makes one per epoch, and so resumes at any epoch at no cost, and inside of an epoch
    with `skip_batches`). Without, every iteration is a new epoch, which is what `model.fit`
    wants. The order of shuffling also depends on `tf.random.set_seed`, as everywhere in
    `tf.data`.

    Args:
        file_pattern: Shards, as `records/train-*.tfrecord`; or a list of such patterns.
        num_segments: Frames per clip.
        batch_size: Clips per batch, of this worker.
        image_size: (height, width) of the frames that come out.
        training: Random segments, crops and order, instead of fixed ones.
        augmentation: For training, an `Augmentation` or the values of one.
        sampling: `"segments"`, a frame of each of equal parts of the video, or `"dense"`, frames
            of a window of 64.
        frame_stride: Distance of the frames of dense clips, instead of 64 // num_segments.
        num_clips: Clips per video in evaluation, evenly placed.
        num_crops: Crops per clip in evaluation, evenly spaced along the longer side.
        full_short_side: Crops in evaluation reach over the whole short side (`view_crops`).
        seed: Not negative; another seed gives other random draws.
        epoch: Number of the epoch, or `None`.
        skip_batches: Batches at the beginning that were used before; they are not decoded.
        shuffle_buffer: Clips in memory to draw the next from, in training: the JPEGs of the
            sampled frames, some 0.1 to 1 MB of each.
        drop_remainder: Leave out the last batch when it is smaller; by default in training.
        num_workers: Workers that share the clips, each with a dataset of its own.
        worker: Which of them this is, from 0. A `tf.distribute.InputContext` calls the two
            `num_input_pipelines` and `input_pipeline_id`.
        shard_by: `"record"`: the batches of all workers together are the clips of one worker's
            large batch. `"file"`: each worker reads files of its own, perhaps not equally many
            clips.
        cache: `True` keeps the encoded records in memory after the first pass over this dataset
            and then shuffles them as a whole. A folder keeps copies of the shards on a local
            disk, for shards in remote storage.
        service: Address of a `tf.data` service that does the decoding, as
            `grpc://host:5050`; its workers read the same paths, and need nothing but TensorFlow.
            The clips are the same, in the same order.
        deterministic: `False` gives clips in the order in which they are ready.
        clip_ids: Add a third element that tells where each clip is: `SHARD:PLACE MEDIA_ID`, the
            name of the file, the number of the record in it, and the name of the video.
        parts: Where a class is a combination, the parts whose labels are wanted too, as
            `("verb", "noun")`.
        on_error: What to do at a damaged record: `"raise"` stops (with TensorFlow's error, which
            `reports_damage` turns into a `DataError`), `"skip"` leaves it out, and its batch is
            smaller for it.
        damage: Log that what is left out is added to; by default a new one.
        num_parallel_calls: Clips decoded in parallel.

    Returns:
        A `tf.data.Dataset` of (clip, label): uint8 `[B, num_segments, *image_size, 3]` in
        0..255 and int32 `[B]`. With more than one view, clips are `[B, num_clips * num_crops,
        num_segments, *image_size, 3]`; with MixUp or CutMix, labels are float32
        `[B, num_classes]`. With `parts`, a label is a dictionary of such tensors, under `action`
        that of the class and under each part its own. With `clip_ids`, there is a third element,
        string `[B]`; of a mixed clip it names the first of the two. The attribute `class_names` is
        the list of `labels.txt` beside the shards, or `None` where there is none; `damage` is the
        `DamageLog` of what was left out so far.

    Raises:
        DataError: When no file matches, or arguments do not go together.
    """
    _check_arguments(on_error, service, training and epoch is None, cache)
    files = _match(file_pattern)
    labels = RecordLabels.of(os.path.dirname(files[0]), parts)
    if not isinstance(augmentation, Augmentation):
        augmentation = Augmentation(**(augmentation or {}))
    if training:
        augmentation = labels.check_flips(augmentation)
    rule = ClipRule(
        num_segments=num_segments,
        image_size=tuple(image_size),
        training=training,
        sampling=sampling,
        frame_stride=frame_stride,
        num_clips=num_clips,
        num_crops=num_crops,
        full_short_side=full_short_side,
        augmentation=augmentation,
    )
    damage = DamageLog() if damage is None else damage
    drop_remainder = training if drop_remainder is None else drop_remainder
    if shard_by == "file" and len(files) < num_workers:
        raise DataError(
            "shard_by='file' must have a file for each worker. Received "
            f"{len(files)} files for {num_workers} workers. Use shard_by='record'."
        )
    numbers = range(worker, len(files), num_workers) if shard_by == "file" else range(len(files))
    files = [files[number] for number in numbers]
    num_clips = dict(zip(numbers, _count_clips(files), strict=True))
    loader = ClipLoader(rule, labels, dict(zip(numbers, files, strict=True)), clip_ids)
    if not isinstance(cache, bool):
        files = copy_shards(files, os.fspath(cache))
    checked = CheckedShards(
        dict(zip(numbers, files, strict=True)),
        num_clips,
        labels.limits,
        damage if on_error == "skip" else None,
    )
    stream = RecordStream(
        checked,
        loader.select,
        shuffle_buffer=shuffle_buffer if training else 0,
        seed=seed,
        epoch=epoch if training else 0,
        num_workers=num_workers,
        worker=worker,
        shard_by=shard_by,
        whole_groups=drop_remainder,
        skip=skip_batches * batch_size,
        cache=cache is True,
        deterministic=deterministic,
    )

    def decoded(num_parts=1, part=0):
        records = stream.dataset()
        if num_parts > 1:
            records = records.shard(num_parts, part)
        load = checked.load(loader.load)
        dataset = records.map(load, num_parallel_calls, deterministic=deterministic)
        if training:
            dataset = augment_clips(dataset, augmentation, num_parallel_calls, deterministic)
        return dataset

    dataset = decoded() if service is None else distribute(decoded, service)
    dataset = batch_clips(
        dataset,
        batch_size,
        drop_remainder,
        augmentation if training else None,
        labels.num_classes,
        flagged=on_error == "skip",
    )
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    dataset = dataset.with_options(options)
    dataset.class_names, dataset.damage = labels.class_names, damage
    return dataset


def _check_arguments(on_error, service, without_epoch, cache):
    if service is not None and without_epoch:
        raise DataError(
            "`epoch` must be given with a `service` in training: its workers do not know how often "
            "the dataset was iterated. Received None. Make a dataset per epoch."
        )
    if on_error not in ("raise", "skip"):
        raise DataError(f"`on_error` must be 'raise' or 'skip'. Received {on_error!r}.")
    if service is not None and on_error == "skip":
        raise DataError(
            "`on_error` must be 'raise' with a `service`, whose workers cannot log what they leave "
            "out here. Received 'skip'."
        )
    if service is not None and cache is True:
        raise DataError(
            "`cache` must be False or a folder with a `service`, whose workers hold the records. "
            "Received True."
        )


def _match(file_pattern):
    patterns = [file_pattern] if isinstance(file_pattern, str) else list(file_pattern)
    files = []
    for pattern in patterns:
        object_store.connect(pattern)
        is_file = tf.io.gfile.exists(str(pattern))
        matched = [str(pattern)] if is_file else tf.io.gfile.glob(str(pattern))
        if not matched:
            folder = os.path.dirname(str(pattern)) or "."
            there = "does not exist"
            if tf.io.gfile.isdir(folder):
                names = sorted(tf.io.gfile.listdir(folder))
                there = f"holds {', '.join(names[:5])}" if names else "is empty"
            raise DataError(
                f"`file_pattern` must match record files, as `records/train-*.tfrecord`. Received "
                f"`{pattern}`, which matches none; the folder `{folder}` {there}. "
                "`python -m trainers.prepare` writes records."
            )
        files += matched
    return sorted(set(files))


def _count_clips(files):
    """Returns for each file its clips by `dataset_info.json`, None where it does not say."""
    shards = {}
    for folder in {os.path.dirname(file) for file in files}:
        if DatasetInfo.exists(folder):
            for split in DatasetInfo.load(folder).splits.values():
                for name, clips in split["shards"].items():
                    shards[os.path.join(folder, name)] = clips
    return [shards.get(file) for file in files]
