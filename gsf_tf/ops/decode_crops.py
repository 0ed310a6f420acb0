"""Crops of JPEGs, scaled to the input of a model."""

import tensorflow as tf

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.decode_crops import decode_crops as reference_decode_crops
from gsf_tf.ops.scale_crops import check_crops


def decode_crops(
    jpegs, frame_size, boxes, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes boxes of the frames of a clip and scales them as `scale_crops` does.

    Of each JPEG, the smallest box around all that are wanted is decoded, once. A JPEG that cannot
    be used is no error here, for a pipeline has to be able to go on and to name the record.
    The compiled form and the reference give equal pixels. It runs on the CPU only.

    Args:
        jpegs: Strings `[T]`; T must be known.
        frame_size: int32 `[2]`, the (height, width) that all of them must have.
        boxes: int32 `[V, 4]`, V at least 1: top, left, height and width in pixels, within the
            frame.
        image_size: (height, width) of the result.

    Returns:
        uint8 `[V, T, *image_size, 3]`, zeros where a JPEG cannot be used; and a bool scalar:
        whether all have `frame_size` and decode.

    Raises:
        tf.errors.InvalidArgumentError: When a box is empty or reaches out of the frame.
    """
    jpegs = tf.convert_to_tensor(jpegs, tf.string)
    frame_size = tf.convert_to_tensor(frame_size, tf.int32)
    if jpegs.shape.rank != 1 or jpegs.shape[0] is None:
        raise ValueError(f"jpegs must be [T] with T known; received shape {jpegs.shape}.")
    boxes, image_size = check_crops(boxes, image_size)
    if use_compiled("decode_crops"):
        decode = library.raw_op("decode_crops")
        return tuple(decode(jpegs, frame_size, boxes, image_size=image_size))
    return reference_decode_crops(jpegs, frame_size, boxes, image_size)
