"""Decodes the clips of one epoch straight from their files."""

import dataclasses
import functools
import warnings
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.batching import augment_clips
from gsf_tf.data.pipeline.clip_rule import ClipRule
from gsf_tf.data.pipeline.python_calls import ends_with_process
from gsf_tf.data.pipeline.seeding import epoch_seed_dataset, example_seeds, shuffle_arguments
from gsf_tf.data.pipeline.worker_share import WorkerShare
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.data.video.clip_reader import read_sampled_frames
from gsf_tf.errors import VideoError
from gsf_tf.ops import scale_crops


@dataclasses.dataclass(frozen=True)
class FileStream:
    """Reads videos, images or folders of frames and makes clips of them.

    Args:
        paths: Path of each clip.
        labels: Label of each clip.
        rule: Which frames are taken, and which parts of them.
        share: Which of the clips this worker takes.
        short_side: Pixels. Larger videos are scaled down to it before the crop.
        shuffle: Mix the clips, in another order in every epoch.
        seed: Seed of the run.
        epoch: As in `epoch_seed_dataset`.
        num_parallel_calls: Number of clips decoded in parallel.
        deterministic: Keep the order independent of timing.
        limits: How much work a clip may be.
    """

    paths: Sequence[str]
    labels: Sequence[int]
    rule: ClipRule
    share: WorkerShare
    short_side: int
    shuffle: bool
    seed: int
    epoch: int | None
    num_parallel_calls: int
    deterministic: bool
    limits: ClipLimits

    def dataset(self) -> tf.data.Dataset:
        """Returns the clips of one pass, augmented in training.

        Returns:
            A dataset of (clip, label, whether the file could be decoded, seed).
        """
        dataset = epoch_seed_dataset(self.seed, self.epoch).flat_map(self._list_clips)
        if self.shuffle:
            dataset = dataset.shuffle(len(self.paths), **shuffle_arguments(self.seed, self.epoch))
        dataset = self.share.take(dataset)
        change = self.rule.augmentation.frames_function() if self.rule.training else None
        load = functools.partial(self._load, change)
        dataset = dataset.map(load, self.num_parallel_calls, deterministic=self.deterministic)
        if not self.rule.training:
            return dataset
        return augment_clips(
            dataset, self.rule.augmentation, self.num_parallel_calls, self.deterministic
        )

    def _list_clips(self, epoch_seed):
        paths, labels = tf.constant(self.paths), tf.constant(self.labels, tf.int32)
        indices = tf.data.Dataset.range(len(self.paths))
        return indices.map(lambda index: (epoch_seed, index, paths[index], labels[index]))

    def _load(self, change_frames, epoch_seed, index, path, label):
        rule = self.rule
        frames_seed, crop_seed, change_seed = example_seeds(epoch_seed, index)
        frames, good = tf.numpy_function(
            ends_with_process(self._decode),
            [path, frames_seed],
            (tf.uint8, tf.bool),
            stateful=False,
        )
        frames = tf.ensure_shape(frames, [rule.num_frames, None, None, 3])
        if change_frames is not None:
            frames = change_frames(frames, change_seed)
        height, width = tf.shape(frames)[1], tf.shape(frames)[2]
        crops = scale_crops(frames, rule.boxes(height, width, crop_seed), rule.image_size)
        return rule.arrange(crops), label, tf.ensure_shape(good, []), change_seed

    def _decode(self, path, frames_seed):
        """Returns the sampled frames of a file and whether it could be decoded."""

        def choose(num_frames):
            return self.rule.indices(num_frames, frames_seed).numpy()

        try:
            path = path.decode()
            return read_sampled_frames(path, choose, self.short_side, self.limits), True
        except VideoError as error:
            warnings.warn(f"A clip is left out. {error}", stacklevel=2)
            return np.zeros([self.rule.num_frames, *self.rule.image_size, 3], np.uint8), False
