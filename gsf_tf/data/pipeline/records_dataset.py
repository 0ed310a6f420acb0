"""Makes datasets of clips from records."""

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
from gsf_tf.data.pipeline.seeding import check_seed
from gsf_tf.data.pipeline.shard_copies import copy_shards
from gsf_tf.data.pipeline.worker_share import WorkerShare
from gsf_tf.data.records import object_store
from gsf_tf.data.records.damage_log import DamageLog
from gsf_tf.data.records.dataset_info import DatasetInfo
from gsf_tf.errors import DataError
from gsf_tf.files.literal_paths import list_folder, with_literal_folders


# Converting the mapped functions with autograph takes seconds, and none of them needs it.
@tf.autograph.experimental.do_not_convert
def video_dataset_from_records(
    file_pattern: str | list[str],
    num_segments: int = 8,
    batch_size: int = 32,
    *,
    image_size: tuple[int, int] | int = (224, 224),
    training: bool = False,
    augmentation: Augmentation | Mapping | None = None,
    sampling: str = "segments",
    frame_stride: int | None = None,
    num_clips: int = 1,
    num_crops: int = 1,
    full_short_side: bool = False,
    crops_along: str = "longer_side",
    seed: int = 0,
    epoch: int | None = None,
    skip_batches: int = 0,
    batch_numbers: bool = False,
    shuffle_buffer: int = 256,
    drop_remainder: bool | None = None,
    num_workers: int = 1,
    worker: int = 0,
    shard_by: str = "record",
    cache: bool | str | os.PathLike = False,
    service: str | None = None,
    deterministic: bool = True,
    clip_ids: bool = False,
    tasks: Sequence[str] = (),
    on_error: str = "raise",
    damage: DamageLog | None = None,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Makes a dataset of one pass over records that `gsf_tf.data.write_records` wrote.

    Only the sampled frames are decoded, and of these only the part inside the crop, unless
    RandAugment changes whole frames.

    In training, clips are shuffled while they are still encoded, one random frame is taken from
    each segment, and one random multi-scale crop serves all frames of a clip. `augmentation`
    changes the crop and adds other changes. In evaluation, the middle frame is taken from each
    segment, the crop is the center, and each clip comes exactly once, in a fixed order. `num_clips`
    and `num_crops` ask for several views of each clip. Clips are mirrored only if `augmentation`
    has a `flip`, because mirroring falsifies labels that speak of left and right.

    All random draws are functions of `seed`, the epoch, and the position of the clip (its shard and
    its index in the shard). If `epoch` is given, the dataset is that epoch, the same whenever it is
    iterated. A training loop makes one dataset per epoch, and so can resume at any epoch, and
    inside an epoch with `skip_batches`. If `epoch` is `None`, each iteration is another epoch, as
    `model.fit` expects. The order of shuffling also depends on `tf.random.set_seed`, as it always
    does in `tf.data`.

    Args:
        file_pattern: Shards, such as `records/train-*.tfrecord`; or a list of such patterns. A name
            in it that exists as it is written, such as a folder `runs [1]`, is no pattern.
        num_segments: Frames per clip.
        batch_size: Clips per batch of this worker.
        image_size: (height, width) of the clips' frames, in pixels; one number stands for both.
        training: Draw frames, crops and order at random instead of taking fixed ones.
        augmentation: The changes in training, as an `Augmentation` or a dictionary of its values.
        sampling: `"segments"` takes one frame from each of `num_segments` equal parts of the video.
            `"dense"` takes frames from a window of 64 frames.
        frame_stride: Distance of the frames of dense clips; by default 64 // num_segments.
        num_clips: Clips per video in evaluation, evenly spaced in time.
        num_crops: Crops per clip in evaluation, evenly spaced.
        full_short_side: Let the crops of evaluation cover the whole short side instead of 224/256
            of it.
        crops_along: Where several crops lie: along the `"longer_side"` of the frame, or along its
            `"width"` also where it is upright, as in the code of the papers' authors.
        seed: Seed of all random draws, at least 0.
        epoch: Number of the epoch, or `None`.
        skip_batches: Number of batches to skip at the beginning, because they were used before.
            Their clips are not decoded. Batches that were left out because all their clips are
            damaged are counted; `batch_numbers` tells how many there were.
        batch_numbers: Add a last component, the number of the batch in this worker's epoch, an
            int64 scalar from 0. Batches that are left out have numbers too, so
            `skip_batches=number + 1` always goes on after the batch.
        shuffle_buffer: Number of clips in memory from which the next one is drawn in training. Each
            holds the JPEGs of its sampled frames, some 0.1 to 1 MB.
        drop_remainder: Drop the last batch if it is smaller. By default `training`.
        num_workers: Number of workers that share the clips; each makes a dataset of its own.
        worker: Number of this worker, from 0.
        shard_by: `"record"`: the batches of all workers together have the clips of one worker's
            large batch. `"file"`: each worker reads other files, perhaps not equally many clips.
        cache: `True` keeps the encoded records in memory after the first pass over this dataset,
            and then shuffles all of them together. A folder keeps copies of the shards on a local
            disk, which serves shards in remote storage.
        service: Address of a `tf.data` service that decodes the clips, such as
            `grpc://host:5050`. Its workers read the same paths and need no package but TensorFlow.
            The clips and their order are the same as without a service.
        deterministic: `False` returns clips in the order in which they become ready.
        clip_ids: Add a third component with the id of each clip, `SHARD:INDEX MEDIA_ID`: the name
            of its file, the index of its record in the file, and the name of its video.
        tasks: Names of tasks whose labels are read beside that of the action, such as
            `("verb", "noun")`.
        on_error: `"raise"` stops at a damaged record with an error of TensorFlow, which
            `reports_damage` turns into a `DataError`. `"skip"` leaves the record out.
        damage: The log of the records that are left out; by default a new one.
        num_parallel_calls: Number of clips decoded in parallel.

    Returns:
        A `tf.data.Dataset` of (clip, label) batches. Clips are uint8
        `[B, num_segments, *image_size, 3]` in 0..255, and labels int32 `[B]`. With several views,
        clips are `[B, num_clips * num_crops, num_segments, *image_size, 3]`. With MixUp or CutMix,
        labels are float32 `[B, num_classes]`. With `tasks`, labels are a dictionary of such tensors
        with the key `action` and a key for each of `tasks`. With `clip_ids`, there is a third
        component, string `[B]`; the id of a mixed clip is that of the first of its two clips. With
        `batch_numbers`, the last component is the number of the batch.

        The dataset has two more attributes. `class_names` is the list in `labels.txt` beside the
        shards, `None` if that file does not exist. `damage` is the `DamageLog`.

    Raises:
        DataError: If no file matches, or an argument is out of range or contradicts another one.
    """
    _check_arguments(on_error, service, training and epoch is None, cache)
    seed = check_seed(seed)
    files = _match(file_pattern)
    labels = RecordLabels.of(os.path.dirname(files[0]), tasks)
    augmentation = Augmentation.of(augmentation)
    if training:
        augmentation = labels.check_flips(augmentation)
    rule = ClipRule(
        num_segments=num_segments,
        image_size=image_size,
        training=training,
        sampling=sampling,
        frame_stride=frame_stride,
        num_clips=num_clips,
        num_crops=num_crops,
        full_short_side=full_short_side,
        crops_along=crops_along,
        augmentation=augmentation,
    )
    drop_remainder = training if drop_remainder is None else drop_remainder
    share = WorkerShare(
        num_workers=num_workers,
        worker=worker,
        shard_by=shard_by,
        equal=drop_remainder,
        skip_batches=skip_batches,
        batch_size=batch_size,
    )
    damage = DamageLog() if damage is None else damage
    files = {number: files[number] for number in share.file_numbers(len(files))}
    change_frames = augmentation.frames_function() if training else None
    loader = ClipLoader(rule, labels, files, clip_ids, change_frames)
    checked = CheckedShards(
        files if isinstance(cache, bool) else copy_shards(files, os.fspath(cache)),
        _count_clips(files),
        labels.limits,
        damage if on_error == "skip" else None,
    )
    stream = RecordStream(
        checked,
        loader.select,
        share,
        shuffle_buffer=shuffle_buffer if training else 0,
        seed=seed,
        epoch=epoch if training else 0,
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
        first_number=skip_batches if batch_numbers else None,
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
            "`epoch` must be given with a `service` in training, because its workers do not know "
            "how often the dataset was iterated. Received: epoch=None. Make one dataset per epoch."
        )
    if on_error not in ("raise", "skip"):
        raise DataError(f"`on_error` must be 'raise' or 'skip'. Received: on_error={on_error!r}")
    if service is not None and on_error == "skip":
        raise DataError(
            "`on_error` must be 'raise' with a `service`, whose workers cannot add to the log of "
            "this process. Received: on_error='skip'"
        )
    if service is not None and cache is True:
        raise DataError(
            "`cache` must be False or a folder with a `service`, whose workers hold the records. "
            "Received: cache=True"
        )


def _match(file_pattern):
    patterns = [file_pattern] if isinstance(file_pattern, str) else list(file_pattern)
    files = []
    for pattern in patterns:
        object_store.connect(pattern)
        is_file = tf.io.gfile.exists(str(pattern))
        glob = with_literal_folders(str(pattern), tf.io.gfile.exists)
        matched = [str(pattern)] if is_file else tf.io.gfile.glob(glob)
        if not matched:
            folder = os.path.dirname(str(pattern)) or "."
            contents = "does not exist"
            if tf.io.gfile.isdir(folder):
                names = sorted(list_folder(folder))
                contents = f"holds {', '.join(names[:5])}" if names else "is empty"
            raise DataError(
                "`file_pattern` must match shards of records, such as `records/train-*.tfrecord`. "
                f"Received: file_pattern={str(pattern)!r}, which matches none; the folder "
                f"{folder!r} {contents}. `gsf_tf.data.write_records` writes records."
            )
        files += matched
    return sorted(set(files))


def _count_clips(files):
    """Returns for each file its number of clips in `dataset_info.json`, None if unknown."""
    shards = {}
    for folder in {os.path.dirname(file) for file in files.values()}:
        if DatasetInfo.exists(folder):
            for split in DatasetInfo.load(folder).splits.values():
                for name, clips in split["shards"].items():
                    shards[os.path.join(folder, name)] = clips
    return {number: shards.get(file) for number, file in files.items()}
