"""From a record to the clip that a model sees."""

import dataclasses
import os
from collections.abc import Mapping

import tensorflow as tf

from gsf_tf.attempt import attempt
from gsf_tf.data.clip_rule import ClipRule
from gsf_tf.data.record_faults import check_clip
from gsf_tf.data.record_labels import RecordLabels
from gsf_tf.data.record_schema import WHOLE, parse_clip
from gsf_tf.data.seeding import example_seeds
from gsf_tf.ops import decode_crops


@dataclasses.dataclass(frozen=True)
class ClipLoader:
    """Parses a record, and decodes, crops and scales the frames that are sampled.

    Args:
        rule: Which frames, and which parts of them.
        labels: The labels that are wanted.
        files: Paths of the shards under their numbers.
        clip_ids: Give the clip's id too.
    """

    rule: ClipRule
    labels: RecordLabels
    files: Mapping[int, str]
    clip_ids: bool

    def __call__(self, epoch_seed, shard, place, record) -> tuple[tuple, tf.Tensor]:
        """Loads one record.

        Args:
            epoch_seed: int32 `[2]`.
            shard: Number of the shard.
            place: Number of the record in it.
            record: A serialised `SequenceExample`.

        Returns:
            A tuple of clip, label, the id if it is wanted, and the seed of further changes; and
            whether the record could be used. Where it could not, the tuple holds no clip of it.
        """
        example, is_clip = self._parse(record)
        frames_seed, crop_seed, change_seed = example_seeds(epoch_seed, shard, place)
        indices = self.rule.indices(tf.size(example["offset"]), frames_seed)
        offset, size = tf.gather(example["offset"], indices), tf.gather(example["size"], indices)
        height, width, labels = example["height"], example["width"], example["labels"]
        boxes = self.rule.boxes(height, width, crop_seed)
        crops, are_frames = decode_crops(
            example["data"], offset, size, [height, width], boxes, self.rule.image_size
        )
        clips, good = self.rule.arrange(crops), is_clip & are_frames
        label = labels if self.labels.part_names else labels[WHOLE]
        if not self.clip_ids:
            return (clips, label, change_seed), good
        names = tf.constant([os.path.basename(file) for file in self.files.values()])
        name = names[tf.argmax(tf.constant(list(self.files)) == shard)]
        place = tf.strings.as_string(place)
        clip_id = tf.strings.join([name, ":", place, " ", example["media_id"]])
        return (clips, label, clip_id, change_seed), good

    def _parse(self, record):
        parts = tuple(self.labels.part_names)
        zero, one = tf.constant(0), tf.constant(1)
        nothing = {
            "data": "",
            "offset": tf.zeros([1], tf.int32),
            "size": tf.zeros([1], tf.int32),
            "height": one,
            "width": one,
            "media_id": "",
            "labels": {name: zero for name in (WHOLE, *parts)},
        }
        return attempt(
            lambda record: check_clip(parse_clip(record, parts), self.labels.limits),
            record,
            otherwise=nothing,
        )
