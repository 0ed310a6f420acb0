"""Clips from TFRecords."""

import os

import tensorflow as tf

from gsf_tf.data import label_map, object_store
from gsf_tf.data.cropping import evaluation_crop, scale, training_crop
from gsf_tf.data.data_error import DataError
from gsf_tf.data.dataset_info import DatasetInfo
from gsf_tf.data.label_map import LabelMap
from gsf_tf.data.record_schema import parse_clip
from gsf_tf.data.sampling import test_segment_indices, train_segment_indices
from gsf_tf.data.seeding import epoch_seed_dataset, example_seeds, shuffle_arguments

# Shards read at once. The writer has mixed the classes, so few are enough.
_CYCLE_LENGTH = 4


def video_dataset_from_records(
    file_pattern: str | list[str],
    num_segments: int = 8,
    batch_size: int = 32,
    *,
    image_size: tuple[int, int] = (224, 224),
    training: bool = False,
    seed: int = 0,
    epoch: int | None = None,
    shuffle_buffer: int = 256,
    drop_remainder: bool | None = None,
    num_parallel_calls: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Makes a data set of one pass over records that `trainers.prepare` wrote.

    Only the frames that are sampled are decoded, and of them only the part inside the crop.
    In training, records are shuffled while still encoded, each segment gives a random frame,
    and one random multi-scale crop serves all frames of the clip. In evaluation, each
    segment gives its middle frame, the crop is the centre, and every clip comes exactly
    once, in a fixed order. Clips are not mirrored: that would break labels that speak of
    left and right.

    All randomness is a function of `seed`, the epoch and the clip's place in its shard.
    With `epoch` given, the data set is that epoch, the same whenever it is iterated (a
    trainer makes one per epoch, and so resumes at any epoch at no cost). Without, every
    iteration is a new epoch, which is what `model.fit` wants. The order of shuffling also
    depends on `tf.random.set_seed`, as everywhere in `tf.data`.

    Args:
        file_pattern: Shards, as `records/train-*.tfrecord`; or a list of such patterns.
        num_segments: Frames per clip.
        batch_size: Clips per batch.
        image_size: (height, width) of the frames that come out.
        training: Random segments, crops and order, instead of fixed ones.
        seed: Not negative; another seed gives other random draws.
        epoch: Number of the epoch, or `None`.
        shuffle_buffer: Clips in memory to draw the next from, in training. They are held
            encoded, 0.1 to 3 MB each.
        drop_remainder: Leave out the last batch when it is smaller; by default in training.
        num_parallel_calls: Clips decoded in parallel.

    Returns:
        A `tf.data.Dataset` of (clip, label): uint8 `[B, num_segments, *image_size, 3]` in
        0..255 and int32 `[B]`. Its attribute `class_names` is the list of `labels.txt` beside
        the shards, or `None` where there is none.

    Raises:
        DataError: When no file matches.
    """
    files = _match(file_pattern)
    ordered = tf.constant(files)

    def list_shards(epoch_seed):
        numbers = tf.range(len(files))
        if training:
            numbers = tf.random.experimental.stateless_shuffle(numbers, epoch_seed)
        return tf.data.Dataset.from_tensor_slices(numbers).map(lambda number: (epoch_seed, number))

    def read_shard(epoch_seed, number):
        records = tf.data.TFRecordDataset(ordered[number]).enumerate()
        return records.map(lambda place, record: (epoch_seed, number, place, record))

    def load(epoch_seed, shard, place, record):
        example = parse_clip(record)
        segment_seed, crop_seed = example_seeds(epoch_seed, shard, place)
        num_frames = tf.size(example["frames"])
        height, width = example["height"], example["width"]
        if training:
            indices = train_segment_indices(num_frames, num_segments, segment_seed)
            box = training_crop(height, width, image_size, crop_seed)
        else:
            indices = test_segment_indices(num_frames, num_segments)
            box = evaluation_crop(height, width, image_size)
        frames = [
            tf.image.decode_and_crop_jpeg(
                example["frames"][index], box, channels=3, dct_method="INTEGER_ACCURATE"
            )
            for index in tf.unstack(indices, num_segments)
        ]
        return scale(tf.stack(frames), image_size), example["label"]

    dataset = epoch_seed_dataset(seed, epoch).flat_map(list_shards)
    dataset = dataset.interleave(
        read_shard,
        cycle_length=min(_CYCLE_LENGTH, len(files)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    if training:
        dataset = dataset.shuffle(shuffle_buffer, **shuffle_arguments(seed, epoch))
    num_clips = _count_clips(files)
    if num_clips is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_clips))
    dataset = dataset.map(load, num_parallel_calls, deterministic=True)
    dataset = dataset.batch(batch_size, training if drop_remainder is None else drop_remainder)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    dataset = dataset.with_options(options)
    dataset.class_names = _class_names(files)
    return dataset


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
    """Returns the number of clips by `dataset_info.json`, None where it does not say."""
    shards = {}
    for folder in {os.path.dirname(file) for file in files}:
        if DatasetInfo.exists(folder):
            for split in DatasetInfo.load(folder).splits.values():
                for name, clips in split["shards"].items():
                    shards[os.path.join(folder, name)] = clips
    counts = [shards.get(file) for file in files]
    return None if None in counts else sum(counts)


def _class_names(files):
    path = os.path.join(os.path.dirname(files[0]), label_map.FILE_NAME)
    return list(LabelMap.load(path)) if tf.io.gfile.exists(path) else None
