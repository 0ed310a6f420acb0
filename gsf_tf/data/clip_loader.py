"""From a record to the clip that a model sees."""

import dataclasses
import os
from collections.abc import Mapping

import tensorflow as tf

from gsf_tf.data.clip_rule import ClipRule
from gsf_tf.data.record_faults import check_clip
from gsf_tf.data.record_labels import RecordLabels
from gsf_tf.data.record_schema import WHOLE, label_key, parse_clip
from gsf_tf.data.seeding import example_seeds


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

    def __call__(self, epoch_seed, shard, place, record) -> tuple:
        """Returns clip, label, the id if it is wanted, and the seed of further changes.

        Args:
            epoch_seed: int32 `[2]`.
            shard: Number of the shard.
            place: Number of the record in it.
            record: A serialised `SequenceExample`.
        """
        parts = tuple(self.labels.part_names)
        example = parse_clip(record, parts)
        frames_seed, crop_seed, change_seed = example_seeds(epoch_seed, shard, place)
        indices = self.rule.indices(tf.size(example["frames"]), frames_seed)
        height, width, labels = example["height"], example["width"], example["labels"]
        jpegs = check_clip(
            tf.unstack(tf.gather(example["frames"], indices), self.rule.num_frames),
            height,
            width,
            {label_key(name): label for name, label in labels.items()},
            self.labels.limits,
        )

        def decode(box):
            return tf.stack([
                tf.image.decode_and_crop_jpeg(
                    jpeg, box, channels=3, dct_method="INTEGER_ACCURATE"
                )
                for jpeg in jpegs
            ])  # fmt: skip

        clips = self.rule.clips(decode, height, width, crop_seed)
        label = labels if parts else labels[WHOLE]
        if not self.clip_ids:
            return clips, label, change_seed
        names = tf.constant([os.path.basename(file) for file in self.files.values()])
        name = names[tf.argmax(tf.constant(list(self.files)) == shard)]
        place = tf.strings.as_string(place)
        clip_id = tf.strings.join([name, ":", place, " ", example["media_id"]])
        return clips, label, clip_id, change_seed
