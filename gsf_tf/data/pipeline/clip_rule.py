"""Decides which frames of a video, and which parts of them, become clips."""

import dataclasses
import math
import operator

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline import sampling
from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation
from gsf_tf.data.pipeline.cropping import CROPS_ALONG, view_crops
from gsf_tf.errors import DataError
from gsf_tf.ops.sizes import MAX_FRAME_PIXELS, MAX_SIZE
from gsf_tf.whole_numbers import is_whole

SAMPLING = ("segments", "dense")


@dataclasses.dataclass(frozen=True)
class ClipRule:
    """The rule by which both pipelines choose frames and crops and arrange them as clips.

    Args:
        num_segments: Frames per clip.
        image_size: (height, width) of the clips' frames. One number stands for both.
        training: Draw frames and crops at random instead of taking fixed ones.
        sampling: `"segments"` or `"dense"`.
        frame_stride: Distance of the frames of dense clips. `None` takes 64 // num_segments.
        num_clips: Clips per video; 1 in training.
        num_crops: Crops per clip; 1 in training.
        full_short_side: As in `view_crops`.
        crops_along: As in `view_crops`.
        augmentation: An `Augmentation`, which decides the crops of training.

    Raises:
        DataError: If a value is out of range, or values contradict each other.
    """

    num_segments: int
    image_size: tuple[int, int] | int
    training: bool
    sampling: str = "segments"
    frame_stride: int | None = None
    num_clips: int = 1
    num_crops: int = 1
    full_short_side: bool = False
    crops_along: str = "longer_side"
    augmentation: Augmentation = Augmentation()

    def __post_init__(self):
        # The class is frozen, and only this one value has two forms.
        object.__setattr__(self, "image_size", _image_size(self.image_size))
        for name in ("num_segments", "num_clips", "num_crops"):
            value = getattr(self, name)
            if not is_whole(value, 1, MAX_SIZE):
                raise DataError(
                    f"`{name}` must be a whole number in 1..{MAX_SIZE}. Received: {name}={value!r}"
                )
        if self.sampling not in SAMPLING:
            raise DataError(
                f"`sampling` must be one of {', '.join(map(repr, SAMPLING))}. Received: "
                f"sampling={self.sampling!r}"
            )
        if self.crops_along not in CROPS_ALONG:
            raise DataError(
                f"`crops_along` must be one of {', '.join(map(repr, CROPS_ALONG))}. Received: "
                f"crops_along={self.crops_along!r}"
            )
        stride, is_dense = self.frame_stride, self.sampling == "dense"
        if stride is not None and not (is_dense and is_whole(stride, 1, MAX_SIZE)):
            raise DataError(
                f"`frame_stride` must be a whole number in 1..{MAX_SIZE}, and None unless "
                f"sampling='dense'. Received: frame_stride={stride!r}, sampling={self.sampling!r}"
            )
        if self.training and self.num_views > 1:
            raise DataError(
                "`num_clips` and `num_crops` must be 1 in training. Received: "
                f"num_clips={self.num_clips}, num_crops={self.num_crops}"
            )

    @property
    def num_views(self) -> int:
        """Number of views of a video: its clips times their crops."""
        return self.num_clips * self.num_crops

    @property
    def num_frames(self) -> int:
        """Number of frames that are decoded from a video."""
        return self.num_clips * self.num_segments

    def indices(self, num_frames, seed) -> tf.Tensor:
        """Returns the positions of the frames to decode.

        Args:
            num_frames: Frames in the video, an integer or a scalar tensor.
            seed: Two integers, used in training only.

        Returns:
            int32 `[num_clips * num_segments]`, clip by clip.
        """
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
        """Returns the crops of the frames.

        Args:
            height: Height of the frames, in pixels.
            width: Width of the frames, in pixels.
            seed: Two integers, used in training only.

        Returns:
            int32 `[num_crops, 4]`: top, left, height and width of each crop, in pixels.
        """
        if self.training:
            return self.augmentation.draw_crop(height, width, self.image_size, seed)[None]
        return view_crops(
            height,
            width,
            self.image_size,
            self.num_crops,
            full_short_side=self.full_short_side,
            crops_along=self.crops_along,
        )

    def arrange(self, crops) -> tf.Tensor:
        """Arranges crops as clips.

        Args:
            crops: uint8 `[num_crops, num_frames, *image_size, 3]`, with the frames of `indices`.

        Returns:
            uint8 `[num_segments, *image_size, 3]`. If there are several views, uint8 `[num_views,
            num_segments, *image_size, 3]`: the crops of the first clip, then those of the next.
        """
        clip = [self.num_segments, *self.image_size, 3]
        if self.num_views == 1:
            return tf.reshape(crops, clip)
        by_clip = tf.reshape(crops, [self.num_crops, self.num_clips, *clip])
        return tf.reshape(tf.transpose(by_clip, [1, 0, 2, 3, 4, 5]), [self.num_views, *clip])


def _image_size(image_size):
    """Returns (height, width)."""
    try:
        size = (image_size, image_size) if np.ndim(image_size) == 0 else tuple(image_size)
        size = tuple(map(operator.index, size))
    except (TypeError, ValueError):
        size = ()
    if len(size) != 2 or min(size) < 1 or math.prod(size) > MAX_FRAME_PIXELS:
        raise DataError(
            "`image_size` must be (height, width) in pixels, whole numbers of at least 1, or one "
            f"number for both, with at most {MAX_FRAME_PIXELS} pixels in a frame. Received: "
            f"image_size={image_size!r}"
        )
    return size
