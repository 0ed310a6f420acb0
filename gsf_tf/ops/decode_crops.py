"""Crops of JPEGs, scaled to the input of a model."""

import tensorflow as tf

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.decode_crops import decode_crops as reference_decode_crops
from gsf_tf.ops.scale_crops import check_crops


def decode_crops(
    jpegs: tf.types.experimental.TensorLike,
    frame_size: tf.types.experimental.TensorLike,
    boxes: tf.types.experimental.TensorLike,
    image_size: tuple[int, int],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes boxes of the frames of a clip and scales them as `scale_crops` does.

    Each JPEG is decoded once, and only the smallest box that contains all requested boxes. A JPEG
    that cannot be decoded is not an error here, so that a pipeline can continue and name the
    record. The compiled kernel and the reference return equal pixels. The op runs on the CPU only
    and has no gradient.

    Args:
        jpegs: The frames of a clip as JPEG files, strings `[T]`. T must be known statically.
        frame_size: int32 `[2]`, the (height, width) in pixels that every frame must have; at most
            2**25 pixels together.
        boxes: int32 `[V, 4]`, V at least 1: top, left, height and width in pixels, within the
            frame.
        image_size: (height, width) of the result in pixels, both at least 1, at most 2**25 pixels
            together.

    Returns:
        A pair: the crops, uint8 `[V, T, *image_size, 3]`, zeros if a JPEG cannot be decoded; and a
        bool scalar, whether all frames were decoded and have `frame_size`.

    Raises:
        ValueError: If the shape of an argument breaks these rules.
        tf.errors.InvalidArgumentError: If `frame_size` is out of range, or a box is empty or
            reaches out of the frame.
        tf.errors.ResourceExhaustedError: If there is no memory for the result, or for the weights
            of boxes of very many sizes.

    Example:

    ```python
    jpeg = tf.io.encode_jpeg(tf.zeros([256, 340, 3], tf.uint8))
    crops, decoded = gsf_tf.ops.decode_crops(
        [jpeg] * 8, frame_size=[256, 340], boxes=[[0, 42, 256, 256]], image_size=(224, 224)
    )  # [1, 8, 224, 224, 3], True
    ```
    """
    jpegs = tf.convert_to_tensor(jpegs, tf.string)
    frame_size = tf.convert_to_tensor(frame_size, tf.int32)
    if jpegs.shape.rank != 1 or jpegs.shape[0] is None:
        raise ValueError(
            f"jpegs must be [T] with a known T. Received: jpegs of shape {jpegs.shape}"
        )
    if frame_size.shape.rank != 1 or frame_size.shape[0] not in (2, None):
        raise ValueError(
            f"frame_size must be [2]. Received: frame_size of shape {frame_size.shape}"
        )
    boxes, image_size = check_crops(boxes, image_size)
    if use_compiled("decode_crops"):
        decode = library.raw_op("decode_crops")
        return tuple(decode(jpegs, frame_size, boxes, image_size=image_size))
    return reference_decode_crops(jpegs, frame_size, boxes, image_size)
