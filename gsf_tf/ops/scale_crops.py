"""Crops of frames, scaled to the input of a model."""

import math
import operator

import tensorflow as tf

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.scale_crops import scale_crops as reference_scale_crops
from gsf_tf.ops.sizes import MAX_FRAME_PIXELS, is_size


def scale_crops(
    frames: tf.types.experimental.TensorLike,
    boxes: tf.types.experimental.TensorLike,
    image_size: tuple[int, int],
) -> tf.Tensor:
    """Cuts boxes out of the frames of a clip and scales them: bilinear, antialiased, as PIL does.

    The compiled kernel and the reference return equal pixels: those of
    `tf.image.resize(..., antialias=True)`, rounded half to even. The op runs on the CPU only and
    has no gradient.

    Args:
        frames: The frames of a clip, uint8 `[T, H, W, 3]`.
        boxes: int32 `[V, 4]`, V at least 1: top, left, height and width in pixels, within the
            frame.
        image_size: (height, width) of the result in pixels, both at least 1, at most 2**25 pixels
            together.

    Returns:
        The crops, uint8 `[V, T, *image_size, 3]`.

    Raises:
        ValueError: If the shape of an argument breaks these rules.
        tf.errors.InvalidArgumentError: If a box is empty or reaches out of the frame.
        tf.errors.InternalError: If a box or `image_size` is longer than 2**23 pixels and float32
            cannot tell its positions apart.
        tf.errors.ResourceExhaustedError: If there is no memory for the result, or for the weights
            of boxes of very many sizes.

    Example:

    ```python
    views = gsf_tf.ops.scale_crops(frames, [[0, 0, 256, 256], [0, 84, 256, 256]], (224, 224))
    ```
    """
    frames = tf.convert_to_tensor(frames, tf.uint8)
    if frames.shape.rank != 4 or frames.shape[-1] not in (3, None):
        raise ValueError(
            f"frames must be uint8 [T, H, W, 3]. Received: frames of shape {frames.shape}"
        )
    boxes, image_size = check_crops(boxes, image_size)
    if use_compiled("scale_crops"):
        return library.raw_op("scale_crops")(frames, boxes, image_size=image_size)
    return reference_scale_crops(frames, boxes, image_size)


def check_crops(boxes, image_size):
    """Returns boxes as a tensor and (height, width) as integers, or raises a `ValueError`."""
    boxes = tf.convert_to_tensor(boxes, tf.int32)
    if boxes.shape.rank != 2 or boxes.shape[1] not in (4, None):
        raise ValueError(f"boxes must be int32 [V, 4]. Received: boxes of shape {boxes.shape}")
    size = tuple(image_size)
    if len(size) != 2 or not all(map(is_size, size)) or math.prod(size) > MAX_FRAME_PIXELS:
        raise ValueError(
            "image_size must be (height, width), whole numbers of pixels, both at least 1, with at "
            f"most {MAX_FRAME_PIXELS} pixels together. Received: image_size={image_size!r}"
        )
    return boxes, tuple(map(operator.index, size))
