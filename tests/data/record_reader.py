"""Reading records back without the pipeline: MediaSequence keys, Pillow's JPEG decoder."""

import io
import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from gsf_tf.data import DatasetInfo, RecordSettings, write_records
from gsf_tf.data.records.record_schema import FRAME_OFFSET, FRAME_SIZE
from tests.data.video_maker import frame_numbers


class Record(NamedTuple):
    """What a record holds: split, context by key, uint8 frames, and times in seconds."""

    split: str
    context: dict
    frames: np.ndarray
    seconds: list

    @property
    def label(self):
        return self.context["clip/label/string"]

    @property
    def numbers(self):
        """The numbers that `video_maker` draws into the frames."""
        return frame_numbers(self.frames).tolist()


def read_records(folder):
    """Returns the `Record` of each clip by its `data_path`."""
    records = {}
    for path in sorted(tf.io.gfile.glob(f"{folder}/*.tfrecord")):
        split = os.path.basename(path).split("-")[0]
        for serialized in tf.data.TFRecordDataset(path).as_numpy_iterator():
            example = tf.train.SequenceExample.FromString(serialized)
            context = {
                key: _value(value)
                for key, value in example.context.feature.items()
                if key not in (FRAME_OFFSET, FRAME_SIZE)
            }
            lists = example.feature_lists.feature_list
            frames = [np.asarray(Image.open(io.BytesIO(f.bytes_list.value[0])))
                      for f in lists["image/encoded"].feature]  # fmt: skip
            seconds = [f.int64_list.value[0] / 1e6 for f in lists["image/timestamp"].feature]
            name = context["clip/data_path"]
            assert name not in records
            records[name] = Record(split, context, np.stack(frames), seconds)
    return records


def prepare(listing, folder, **settings):
    """Writes the records of a listing; returns what they say of themselves, and the records."""
    write_records(listing, str(folder), RecordSettings(**settings))
    return DatasetInfo.load(str(folder)), read_records(folder)


def _value(feature):
    (value,) = getattr(feature, feature.WhichOneof("kind")).value
    return value.decode() if isinstance(value, bytes) else value
