"""The options of augmentation, and their order."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.color_jitter import color_jitter
from gsf_tf.data.pipeline.augmentation.mixing import mix
from gsf_tf.data.pipeline.augmentation.rand_augment import RandAugment
from gsf_tf.data.pipeline.augmentation.random_erasing import random_erasing
from gsf_tf.data.pipeline.cropping import RESIZED_AREA, random_resized_crop, training_crop
from gsf_tf.data.pipeline.flip_rule import directed_names
from gsf_tf.errors import DataError

CROPS = {"multi_scale": training_crop, "random_resized": random_resized_crop}


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What training does to clips. Each value is one line of a configuration.

    Every change is drawn once per clip and serves all of its frames. The order is: crop, flip,
    RandAugment, color jitter, erasing; then, on batches, MixUp or CutMix.

    Args:
        crop: `"multi_scale"` (`training_crop`, the papers') or `"random_resized"`
            (`random_resized_crop`).
        crop_area: Least and greatest share of the frame, for `"random_resized"`.
        flip: Probability of mirroring; the papers take 0.5.
        flip_label_map: The label of each class after mirroring, `[num_classes]`. It is needed
            where class names speak of left, right or a sense of rotation; `range(num_classes)`
            says that mirroring changes no label.
        rand_augment: Magnitude of RandAugment, 0..10; 0 leaves it out, the GSF code takes 9.
        rand_augment_std: Standard deviation of the magnitude.
        rand_augment_ops: Operations drawn per clip.
        color_jitter: Greatest change of (brightness, contrast, saturation, hue); the first three
            are relative, the hue is a share of the circle, up to 0.5.
        erasing: Probability of erasing a rectangle.
        mixup: Parameter of MixUp's Beta distribution; 0 leaves it out.
        cutmix: Parameter of CutMix's Beta distribution; 0 leaves it out. With both, each batch
            draws one of them.

    Raises:
        DataError: If a value is outside its range.

    Example:

    ```python
    augmentation = Augmentation(flip=0.5, flip_label_map=rule.label_map, rand_augment=9.0)
    video_dataset_from_records("records/train-*", training=True, augmentation=augmentation)
    ```

    Reference:
        docs/augmentation.md
    """

    crop: str = "multi_scale"
    crop_area: tuple[float, float] = RESIZED_AREA
    flip: float = 0.0
    flip_label_map: Sequence[int] | None = None
    rand_augment: float = 0.0
    rand_augment_std: float = 0.5
    rand_augment_ops: int = 2
    color_jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self):
        if self.crop not in CROPS:
            raise DataError(
                f"`crop` must be one of {', '.join(map(repr, CROPS))}. Received {self.crop!r}."
            )
        _check_range("flip", self.flip, 0, 1)
        _check_range("rand_augment", self.rand_augment, 0, 10)
        _check_range("rand_augment_std", self.rand_augment_std, 0, 10)
        _check_range("rand_augment_ops", self.rand_augment_ops, 1, 10)
        _check_range("erasing", self.erasing, 0, 1)
        _check_range("mixup", self.mixup, 0, math.inf)
        _check_range("cutmix", self.cutmix, 0, math.inf)
        if not 0 < self.crop_area[0] <= self.crop_area[1] <= 1:
            raise DataError(
                f"`crop_area` must be two rising numbers in 0..1. Received {self.crop_area}."
            )
        if len(self.color_jitter) != 4:
            raise DataError(
                "`color_jitter` must be (brightness, contrast, saturation, hue). Received "
                f"{self.color_jitter}."
            )
        for value, limit in zip(self.color_jitter, (1, 1, 1, 0.5), strict=True):
            _check_range("color_jitter", value, 0, limit)
        if self.flip_label_map is not None:
            label_map = np.asarray(self.flip_label_map)
            classes = np.arange(len(label_map))
            inside = np.isin(label_map, classes).all()
            if not inside or not np.array_equal(label_map[label_map], classes):
                raise DataError(
                    "`flip_label_map` must give back every class when it is applied twice. "
                    f"Received {label_map.tolist()}."
                )

    @property
    def mixes(self) -> bool:
        """Whether batches are mixed, so that labels are `[B, num_classes]`."""
        return self.mixup > 0 or self.cutmix > 0

    def check_classes(self, class_names: Sequence[str] | None) -> None:
        """Makes sure that flips and mixing know enough of the classes.

        Raises:
            DataError: If it is not decided what mirroring does to labels, `flip_label_map` is
                for another number of classes, or mixing does not know the number of classes.
        """
        if self.mixes and class_names is None:
            raise DataError(
                "`mixup` and `cutmix` must know the number of classes. Received records without "
                "`labels.txt` beside them. Copy it there, or leave out mixing."
            )
        if not self.flip or class_names is None:
            return
        if self.flip_label_map is not None and len(self.flip_label_map) != len(class_names):
            raise DataError(
                "`flip_label_map` must have an entry for each class. Received "
                f"{len(self.flip_label_map)} entries for {len(class_names)} classes."
            )
        directed = directed_names(class_names)
        if directed and self.flip_label_map is None:
            shown = ", ".join(f"`{name}`" for name in directed[:6])
            more = f" and {len(directed) - 6} more" if len(directed) > 6 else ""
            raise DataError(
                "Mirroring must say what becomes of labels that speak of a direction. Received "
                f"flip={self.flip}, no `flip_label_map`, and the classes {shown}{more}. Give "
                "`flip_label_map`, the label of each class after mirroring "
                "(`range(num_classes)` if none changes), or set `flip` to 0."
            )

    def draw_crop(self, height, width, image_size: tuple[int, int], seed) -> tf.Tensor:
        """Returns the box int32 `[4]` of a clip's crop."""
        if self.crop == "random_resized":
            return random_resized_crop(height, width, image_size, seed, self.crop_area)
        return training_crop(height, width, image_size, seed)

    def clip_function(self):
        """Returns `change(frames, label, seed)` on uint8 `[T, H, W, 3]`, or None if it is idle.

        The layers it needs are made here, once per dataset.
        """
        rand_augment = None
        if self.rand_augment:
            rand_augment = RandAugment(
                self.rand_augment, self.rand_augment_std, self.rand_augment_ops
            )
        if not (self.flip or rand_augment or any(self.color_jitter) or self.erasing):
            return None

        def change(frames, label, seed):
            flip_seed, rand_seed, color_seed, erasing_seed = tf.unstack(tf.random.split(seed, 4))
            if self.flip:
                flipped = tf.random.stateless_uniform([], flip_seed) < self.flip
                frames = tf.cond(flipped, lambda: frames[:, :, ::-1], lambda: frames)
                if self.flip_label_map is not None:
                    mirrored = tf.constant(np.asarray(self.flip_label_map, np.int32))
                    label = tf.where(flipped, tf.gather(mirrored, label), label)
            if rand_augment:
                frames = rand_augment(frames, rand_seed)
            if any(self.color_jitter):
                frames = color_jitter(frames, self.color_jitter, color_seed)
            if self.erasing:
                frames = random_erasing(frames, self.erasing, erasing_seed)
            return frames, label

        return change

    def mix(self, clips, labels, seed, num_classes: int | Mapping[str, int]):
        """Returns a batch mixed by `mixup` or `cutmix`, with labels float32 `[B, num_classes]`.

        Where labels and `num_classes` are dictionaries, the labels of all parts follow the same
        draw.
        """
        shares = tf.nest.map_structure(tf.one_hot, labels, num_classes)
        return mix(clips, shares, self.mixup, self.cutmix, seed)


def _check_range(name, value, low, high):
    if not low <= value <= high:
        raise DataError(f"`{name}` must be in {low}..{high}. Received {value}.")
