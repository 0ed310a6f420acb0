"""Records of tiny clips, made in milliseconds."""

import io
import pathlib

import numpy as np
import tensorflow as tf
from PIL import Image

from gsf_tf.data import ClipListing, ClipSource, DatasetInfo, LabelMap, RecordSettings
from gsf_tf.data.records.record_schema import FRAME_OFFSET, FRAME_SIZE, serialize_clip
from gsf_tf.data.video.encoded_clip import EncodedClip
from tests.data.damage_maker import write_shard


def small_records(num_clips, num_classes, *, height=24, width=32, num_frames=4, first_format=False):
    """Returns serialized clips of noise.

    Clip N has the class N % num_classes and the media id `clipN`. In the first format, a record
    does not say where its frames are.
    """
    rng = np.random.default_rng(0)
    listing, settings = ClipListing((), _labels(num_classes)), RecordSettings(short_side=24)
    records = []
    for number in range(num_clips):
        frames = []
        for _ in range(num_frames):
            buffer = io.BytesIO()
            pixels = rng.integers(0, 256, [height, width, 3], np.uint8)
            Image.fromarray(pixels).save(buffer, "JPEG", quality=50)
            frames.append(buffer.getvalue())
        source = ClipSource(f"clip{number}.mp4", f"clip{number}.mp4", number % num_classes, "train")
        clip = EncodedClip(frames, [0] * num_frames, 10.0, height, width)
        records.append(serialize_clip(source, clip, listing, settings))
        if first_format:
            example = tf.train.SequenceExample.FromString(records[-1])
            del example.context.feature[FRAME_OFFSET], example.context.feature[FRAME_SIZE]
            records[-1] = example.SerializeToString(deterministic=True)
    return records


def describe_records(folder, shards, num_classes, num_frames=4):
    """Writes `labels.txt` and `dataset_info.json`; `shards` is the number of clips by file name."""
    labels = _labels(num_classes)
    labels.save(pathlib.Path(folder) / "labels.txt")
    clips = sum(shards.values())
    splits = {"train": {"clips": clips, "frames": clips * num_frames, "shards": shards}}
    DatasetInfo(list(labels), labels.fingerprint, {}, "", splits).save(str(folder))


def write_small_records(folder, num_clips, num_classes, *, num_shards=1):
    """Writes shards that all hold the same clips, and what describes them; returns their paths."""
    records = small_records(num_clips, num_classes)
    names = [f"train-{number:05d}-of-{num_shards:05d}.tfrecord" for number in range(num_shards)]
    for name in names:
        write_shard(pathlib.Path(folder) / name, records)
    describe_records(folder, dict.fromkeys(names, num_clips), num_classes)
    return [pathlib.Path(folder) / name for name in names]


def _labels(num_classes):
    return LabelMap([f"class {number}" for number in range(num_classes)])
