"""The options of augmentation, and the order of its steps."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.types.experimental import TensorLike

from gsf_tf.data.pipeline.augmentation.color_jitter import color_jitter
from gsf_tf.data.pipeline.augmentation.mixing import mix
from gsf_tf.data.pipeline.augmentation.rand_augment import VARIANTS, RandAugment
from gsf_tf.data.pipeline.augmentation.random_erasing import random_erasing
from gsf_tf.data.pipeline.cropping import RESIZED_AREA, random_resized_crop, training_crop
from gsf_tf.data.pipeline.flip_rule import directed_names
from gsf_tf.errors import DataError, did_you_mean

CROPS = {"multi_scale": training_crop, "random_resized": random_resized_crop}


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """The random changes that training makes to clips.

    Every change is drawn once per clip and applied to all of its frames. The order is: RandAugment
    of whole frames (variant `"authors"`), crop, flip, RandAugment of the crop (variant
    `"keras_cv"`), color jitter, erasing, and then MixUp or CutMix of batches.

    Args:
        crop: `"multi_scale"` (`training_crop`, which the papers use) or `"random_resized"`
            (`random_resized_crop`).
        crop_area: Smallest and largest area of a `"random_resized"` crop, as a share of the frame.
        flip: Probability of mirroring a clip, 0..1; 0.5 in the papers.
        flip_label_map: The label of each class after mirroring, `[num_classes]`. It must be given
            if class names speak of left, right or a sense of rotation. `range(num_classes)` says
            that mirroring changes no label.
        rand_augment: Mean magnitude of RandAugment, 0..10; 0 turns it off. The GSF code uses 9.
        rand_augment_std: Standard deviation of the magnitude, 0..10.
        rand_augment_ops: Number of operations drawn per clip, 1..10. Each is applied with
            probability 0.5.
        rand_augment_variant: Which operations there are, and what a magnitude means. `"authors"` is
            what the GSF code calls, timm's `rand-m9-mstd0.5`: 15 operations, on the whole frame.
            `"keras_cv"` has 12 operations of keras-cv with the strengths of timm's increasing set,
            on the crop.
        rand_augment_names: Names of the operations to draw from, such as `("rotate", "color")`.
            Empty stands for all of the variant.
        color_jitter: Largest change of (brightness, contrast, saturation, hue). The first three are
            relative, 0..1. The hue is a share of the color circle, 0..0.5.
        erasing: Probability of erasing a rectangle of a clip, 0..1.
        mixup: Parameter of MixUp's Beta distribution; 0 turns it off.
        cutmix: Parameter of CutMix's Beta distribution; 0 turns it off. If both are on, each batch
            draws one of them.

    Raises:
        DataError: If a value is outside its range.

    Example:

    ```python
    info = gsf_tf.data.DatasetInfo.load("records")
    rule = gsf_tf.data.FlipRule.of(info)
    augmentation = gsf_tf.data.Augmentation(
        flip=0.5, flip_label_map=rule.label_map, rand_augment=9.0  # As the GSF code has it.
    )
    dataset = gsf_tf.data.video_dataset_from_records(
        "records/train-*", training=True, augmentation=augmentation
    )
    ```

    Reference:
        docs/augmentation.md has the source of each option.
    """

    crop: str = "multi_scale"
    crop_area: tuple[float, float] = RESIZED_AREA
    flip: float = 0.0
    flip_label_map: Sequence[int] | None = None
    rand_augment: float = 0.0
    rand_augment_std: float = 0.5
    rand_augment_ops: int = 2
    rand_augment_variant: str = "authors"
    rand_augment_names: Sequence[str] = ()
    color_jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self):
        if self.crop not in CROPS:
            raise DataError(
                f"`crop` must be one of {', '.join(map(repr, CROPS))}. Received: crop={self.crop!r}"
            )
        _check_range("flip", self.flip, 0, 1)
        _check_range("rand_augment", self.rand_augment, 0, 10)
        _check_range("rand_augment_std", self.rand_augment_std, 0, 10)
        _check_range("rand_augment_ops", self.rand_augment_ops, 1, 10)
        self._check_operations()
        _check_range("erasing", self.erasing, 0, 1)
        _check_range("mixup", self.mixup, 0, math.inf)
        _check_range("cutmix", self.cutmix, 0, math.inf)
        if not 0 < self.crop_area[0] <= self.crop_area[1] <= 1:
            raise DataError(
                "`crop_area` must be two numbers, 0 < smallest <= largest <= 1. Received: "
                f"crop_area={self.crop_area}"
            )
        if len(self.color_jitter) != 4:
            raise DataError(
                "`color_jitter` must be (brightness, contrast, saturation, hue). Received: "
                f"color_jitter={self.color_jitter}"
            )
        for value, limit in zip(self.color_jitter, (1, 1, 1, 0.5), strict=True):
            _check_range("color_jitter", value, 0, limit)
        if self.flip_label_map is not None:
            label_map = np.asarray(self.flip_label_map)
            classes = np.arange(len(label_map))
            inside = np.isin(label_map, classes).all()
            if not inside or not np.array_equal(label_map[label_map], classes):
                raise DataError(
                    "`flip_label_map` must restore every label when it is applied twice. "
                    f"Received: flip_label_map={label_map.tolist()}"
                )

    @classmethod
    def of(cls, values: "Augmentation | Mapping | None") -> "Augmentation":
        """Returns an augmentation as it is, or makes one of a dictionary of values or `None`."""
        return values if isinstance(values, cls) else cls(**(values or {}))

    @property
    def mixes(self) -> bool:
        """Whether batches are mixed, so that labels are `[B, num_classes]`."""
        return self.mixup > 0 or self.cutmix > 0

    def check_classes(self, class_names: Sequence[str] | None) -> None:
        """Checks that mirroring and mixing have the facts about classes that they need.

        Args:
            class_names: The class names in order, `None` if unknown.

        Raises:
            DataError: If class names speak of a direction and `flip_label_map` is not given, if
                `flip_label_map` has another number of classes, or if batches are mixed and the
                number of classes is unknown.
        """
        if self.mixes and class_names is None:
            raise DataError(
                "`mixup` and `cutmix` need the number of classes. Received: records without "
                "`labels.txt` beside them. Copy it to their folder, or leave out mixing."
            )
        if not self.flip or class_names is None:
            return
        if self.flip_label_map is not None and len(self.flip_label_map) != len(class_names):
            raise DataError(
                "`flip_label_map` must have an entry for each class. Received: "
                f"{len(self.flip_label_map)} entries for {len(class_names)} classes"
            )
        directed = directed_names(class_names)
        if directed and self.flip_label_map is None:
            shown = ", ".join(f"`{name}`" for name in directed[:6])
            more = f" and {len(directed) - 6} more" if len(directed) > 6 else ""
            raise DataError(
                "`flip_label_map` must be given for mirroring if class names speak of a direction. "
                f"Received: flip={self.flip}, flip_label_map=None and the classes {shown}{more}. "
                "Pass `flip_label_map`, the label of each class after mirroring "
                "(`range(num_classes)` if none changes), or set `flip` to 0."
            )

    def draw_crop(
        self, height: TensorLike, width: TensorLike, image_size: tuple[int, int], seed: TensorLike
    ) -> tf.Tensor:
        """Returns the box of a clip's crop, int32 `[4]`: top, left, height, width."""
        if self.crop == "random_resized":
            return random_resized_crop(height, width, image_size, seed, self.crop_area)
        return training_crop(height, width, image_size, seed)

    def frames_function(self) -> Callable | None:
        """Returns a function that changes whole frames before their crop, or `None` if none is on.

        The function maps (frames, seed) to frames, uint8 `[T, H, W, 3]`. The seed is two integers,
        the same that the function of `clip_function` gets. RandAugment's layers are made here, once
        per dataset.
        """
        if not VARIANTS[self.rand_augment_variant].whole_frames:
            return None
        rand_augment = self._rand_augment()
        return rand_augment and (lambda frames, seed: rand_augment(frames, _seeds(seed)[1]))

    def clip_function(self) -> Callable | None:
        """Returns a function that changes a clip after its crop, or `None` if no change is on.

        The function maps (frames, label, seed) to (frames, label). Frames are uint8 `[T, H, W, 3]`,
        and the seed is two integers. RandAugment's layers are made here, once per dataset.
        """
        rand_augment = None
        if not VARIANTS[self.rand_augment_variant].whole_frames:
            rand_augment = self._rand_augment()
        if not (self.flip or rand_augment or any(self.color_jitter) or self.erasing):
            return None

        def change(frames, label, seed):
            flip_seed, rand_seed, color_seed, erasing_seed = _seeds(seed)
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

    def mix(
        self,
        clips: tf.Tensor,
        labels: tf.Tensor | Mapping[str, tf.Tensor],
        seed: TensorLike,
        num_classes: int | Mapping[str, int],
    ) -> tuple[tf.Tensor, tf.Tensor | Mapping[str, tf.Tensor]]:
        """Mixes a batch by MixUp or CutMix.

        Args:
            clips: uint8 `[B, T, H, W, 3]`.
            labels: int32 `[B]`, for several tasks a dictionary of them.
            seed: Two integers; the same seed mixes in the same way.
            num_classes: Number of classes, for several tasks a dictionary of them.

        Returns:
            The mixed clips, and labels float32 `[B, num_classes]`, for several tasks a dictionary
            of them. The same draws mix the labels of all tasks.
        """
        shares = tf.nest.map_structure(tf.one_hot, labels, num_classes)
        return mix(clips, shares, self.mixup, self.cutmix, seed)

    def _rand_augment(self):
        if not self.rand_augment:
            return None
        return RandAugment(
            self.rand_augment,
            self.rand_augment_std,
            self.rand_augment_ops,
            self.rand_augment_variant,
            self.rand_augment_names,
        )

    def _check_operations(self):
        variant, names = self.rand_augment_variant, self.rand_augment_names
        if variant not in VARIANTS:
            raise DataError(
                f"`rand_augment_variant` must be one of {', '.join(map(repr, VARIANTS))}. "
                f"Received: rand_augment_variant={variant!r}"
            )
        known = VARIANTS[variant].names
        unknown = [names] if isinstance(names, str) else [n for n in names if n not in known]
        if unknown:
            raise DataError(
                f"`rand_augment_names` must be a sequence of operations of {variant!r}: "
                f"{', '.join(known)}. Received: rand_augment_names={names!r}."
                f"{did_you_mean(str(unknown[0]), known)}"
            )


def _seeds(seed):
    """Returns the seeds of the flip, of RandAugment, of the color jitter and of erasing."""
    return tf.unstack(tf.random.split(seed, 4))


def _check_range(name, value, low, high):
    if not low <= value <= high:
        raise DataError(f"`{name}` must be in {low}..{high}. Received: {name}={value}")
