"""Which frames and which parts of them make the clips of one video."""

import dataclasses

import tensorflow as tf

from gsf_tf.data.pipeline import sampling
from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation
from gsf_tf.data.pipeline.cropping import view_crops
from gsf_tf.errors import DataError

SAMPLING = ("segments", "dense")


@dataclasses.dataclass(frozen=True)
class ClipRule:
    """The rule that both pipelines follow, from a video's length and size to clips.

    Args:
        num_segments: Frames per clip.
        image_size: (height, width) of the frames that come out.
        training: Random frames and crops, instead of fixed ones.
        sampling: `"segments"` or `"dense"`.
        frame_stride: Distance of the frames of dense clips, `None` for that of 64 frames.
        num_clips: Clips per video, in testing.
        num_crops: Crops per clip, in testing.
        full_short_side: As in `view_crops`.
        augmentation: An `Augmentation`, for training.

    Raises:
        DataError: If the values do not go together.
    """

    num_segments: int
    image_size: tuple[int, int]
    training: bool
    sampling: str = "segments"
    frame_stride: int | None = None
    num_clips: int = 1
    num_crops: int = 1
    full_short_side: bool = False
    augmentation: Augmentation = Augmentation()

    def __post_init__(self):
        for name in ("num_segments", "num_clips", "num_crops"):
            if getattr(self, name) < 1:
                raise DataError(f"`{name}` must be at least 1. Received {getattr(self, name)}.")
        if self.sampling not in SAMPLING:
            raise DataError(
                f"`sampling` must be one of {', '.join(map(repr, SAMPLING))}. Received "
                f"{self.sampling!r}."
            )
        if self.frame_stride is not None and (self.sampling != "dense" or self.frame_stride < 1):
            raise DataError(
                "`frame_stride` must be at least 1, and only sampling='dense' has one. Received "
                f"{self.frame_stride} with sampling={self.sampling!r}."
            )
        if self.training and self.num_views > 1:
            raise DataError(
                "`num_clips` and `num_crops` must be 1 in training. Received "
                f"{self.num_clips} and {self.num_crops}."
            )

    @property
    def num_views(self) -> int:
        """Clips that come of a video."""
        return self.num_clips * self.num_crops

    @property
    def num_frames(self) -> int:
        """Frames that are decoded of a video."""
        return self.num_clips * self.num_segments

    def indices(self, num_frames, seed) -> tf.Tensor:
        """Returns int32 `[num_clips * num_segments]`, clip by clip."""
        dense, segments = self.sampling == "dense", self.num_segments
        if self.training and dense:
            return sampling.train_dense_indices(num_frames, segments, seed, self.frame_stride)
        if self.training:
            return sampling.train_segment_indices(num_frames, segments, seed)
        if dense:
            indices = sampling.test_dense_indices(
                num_frames, segments, self.num_clips, self.frame_stride
            )
        else:
            indices = sampling.spread_segment_indices(num_frames, segments, self.num_clips)
        return tf.reshape(indices, [-1])

    def boxes(self, height, width, seed) -> tf.Tensor:
        """Returns the parts of the frames that are wanted.

        Args:
            height: Height of the frames in pixels.
            width: Width of the frames in pixels.
            seed: Two integers, for the crop of training.

        Returns:
            int32 `[num_crops, 4]`: top, left, height and width of each.
        """
        if self.training:
            return self.augmentation.draw_crop(height, width, self.image_size, seed)[None]
        return view_crops(
            height, width, self.image_size, self.num_crops, full_short_side=self.full_short_side
        )

    def arrange(self, crops) -> tf.Tensor:
        """Makes clips of crops.

        Args:
            crops: uint8 `[num_crops, num_frames, *image_size, 3]`, the frames those of `indices`.

        Returns:
            uint8 `[num_segments, *image_size, 3]`, or `[num_views, num_segments, *image_size, 3]`
            where there is more than one view: the crops of the first clip, then those of the next.
        """
        clip = [self.num_segments, *self.image_size, 3]
        if self.num_views == 1:
            return tf.reshape(crops, clip)
        by_clip = tf.reshape(crops, [self.num_crops, self.num_clips, *clip])
        return tf.reshape(tf.transpose(by_clip, [1, 0, 2, 3, 4, 5]), [self.num_views, *clip])
