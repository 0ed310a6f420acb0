"""Turns a record into the clip that a model sees."""

import dataclasses
import os
from collections.abc import Callable, Mapping

import tensorflow as tf

from gsf_tf.data.pipeline.clip_rule import ClipRule
from gsf_tf.data.pipeline.decode_frames import decode_frames
from gsf_tf.data.pipeline.record_labels import RecordLabels
from gsf_tf.data.pipeline.seeding import example_seeds
from gsf_tf.data.records.record_parser import parse_clip
from gsf_tf.ops import decode_crops, scale_crops
from gsf_tf.tasks import ACTION


@dataclasses.dataclass(frozen=True)
class ClipLoader:
    """Parses records, and decodes, crops and scales the sampled frames.

    Args:
        rule: Which frames are taken, and which parts of them.
        labels: Which labels are read.
        files: Paths of the shards by their numbers.
        clip_ids: Return the id of each clip too.
        change_frames: The function of `Augmentation.frames_function`, `None` for no change.
    """

    rule: ClipRule
    labels: RecordLabels
    files: Mapping[int, str]
    clip_ids: bool
    change_frames: Callable | None = None

    def select(self, epoch_seed, shard, index, record) -> tuple:
        """Extracts from a record what `load` needs, which is much smaller than the record.

        Args:
            epoch_seed: int32 `[2]`, the seed of the epoch.
            shard: Number of the shard.
            index: Index of the record in the shard.
            record: A serialized `SequenceExample`.

        Returns:
            The arguments of `load`.
        """
        example, is_clip = parse_clip(record, self.labels.limits)
        frames_seed, crop_seed, change_seed = example_seeds(epoch_seed, shard, index)
        indices = self.rule.indices(tf.size(example["offset"]), frames_seed)
        offset, size = tf.gather(example["offset"], indices), tf.gather(example["size"], indices)
        ranges = tf.unstack(tf.stack([offset, size], axis=1), self.rule.num_frames)
        jpegs = [tf.strings.substr(example["data"], *tf.unstack(range_)) for range_ in ranges]
        example = {key: example[key] for key in ("frame_size", "labels", "media_id")}
        return shard, index, example, tf.stack(jpegs), is_clip, crop_seed, change_seed

    def load(self, shard, index, example, jpegs, is_clip, crop_seed, change_seed):
        """Decodes, crops and scales the frames that `select` has extracted.

        Args:
            shard: Number of the shard.
            index: Index of the record in the shard.
            example: The frame size, the labels and the media id of the record.
            jpegs: The sampled frames, string `[rule.num_frames]`.
            is_clip: Whether the record keeps the rules for its content.
            crop_seed: Seed of the crop.
            change_seed: Seed of further changes.

        Returns:
            A pair: a tuple of clip, label, id (if `clip_ids`) and seed of further changes; and
            whether the record could be used. If it could not, the pixels of the clip are undefined.
        """
        size = example["frame_size"]
        boxes = self.rule.boxes(*tf.unstack(size), crop_seed)
        if self.change_frames is None:
            crops, are_frames = decode_crops(jpegs, size, boxes, self.rule.image_size)
        else:
            frames, are_frames = decode_frames(jpegs, size)
            frames = tf.cond(
                are_frames, lambda: self.change_frames(frames, change_seed), lambda: frames
            )
            crops = scale_crops(frames, boxes, self.rule.image_size)
        clips, good = self.rule.arrange(crops), is_clip & are_frames
        labels = tf.unstack(example["labels"], len(self.labels.limits))
        by_task = dict(zip((ACTION, *self.labels.task_classes), labels, strict=True))
        label = by_task if self.labels.task_classes else labels[0]
        if not self.clip_ids:
            return (clips, label, change_seed), good
        names = tf.constant([os.path.basename(file) for file in self.files.values()])
        name = names[tf.argmax(tf.constant(list(self.files)) == shard)]
        index = tf.strings.as_string(index)
        clip_id = tf.strings.join([name, ":", index, " ", example["media_id"]])
        return (clips, label, clip_id, change_seed), good
