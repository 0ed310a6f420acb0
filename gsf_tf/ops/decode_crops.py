"""Crops of JPEGs, scaled to the input of a model."""

import tensorflow as tf

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.decode_crops import decode_crops as reference_decode_crops
from gsf_tf.ops.scale_crops import check_image_size


def decode_crops(
    data, offset, size, frame_size, boxes, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes boxes of the frames of a clip and scales them as `scale_crops` does.

    Of each JPEG, the smallest box around all that are wanted is decoded, once. A JPEG that cannot
    be used is no error here, for a pipeline has to be able to go on and to name the record.
    The compiled form and the reference give equal pixels. It runs on the CPU only.

    Args:
        data: String scalar that holds all JPEGs, such as a whole record.
        offset: int32 `[T]`, where each JPEG begins in `data`, in bytes; T must be known.
        size: int32 `[T]`, bytes of each.
        frame_size: int32 `[2]`, the (height, width) that all of them must have.
        boxes: int32 `[V, 4]`, V at least 1: top, left, height and width in pixels, within the
            frame.
        image_size: (height, width) of the result.

    Returns:
        uint8 `[V, T, *image_size, 3]`, zeros where a JPEG cannot be used; and a bool scalar:
        whether all lie within `data`, have `frame_size` and decode.

    Raises:
        tf.errors.InvalidArgumentError: When a box is empty or reaches out of the frame.
    """
    data = tf.convert_to_tensor(data, tf.string)
    offset, size, frame_size, boxes = (
        tf.convert_to_tensor(value, tf.int32) for value in (offset, size, frame_size, boxes)
    )
    if offset.shape.rank != 1 or offset.shape[0] is None or offset.shape[0] != size.shape[0]:
        raise ValueError(
            f"offset and size must be int32 [T] with T known; received shapes {offset.shape} and "
            f"{size.shape}."
        )
    if boxes.shape.rank != 2 or boxes.shape[1] not in (4, None):
        raise ValueError(f"boxes must be int32 [V, 4]; received shape {boxes.shape}.")
    image_size = check_image_size(image_size)
    arguments = (data, offset, size, frame_size, boxes)
    if use_compiled("decode_crops"):
        return tuple(library.raw_op("decode_crops")(*arguments, image_size=image_size))
    return reference_decode_crops(*arguments, image_size)
