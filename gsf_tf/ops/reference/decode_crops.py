"""Reference form of `gsf_tf.ops.decode_crops`."""

import tensorflow as tf

from gsf_tf.ops.reference.attempt import attempt
from gsf_tf.ops.reference.scale_crops import check_boxes, scale_crops
from gsf_tf.ops.sizes import MAX_FRAME_PIXELS


def decode_crops(jpegs, frame_size, boxes, image_size):
    """As `gsf_tf.ops.decode_crops`, for tensors that it has checked."""
    boxes = check_boxes(boxes, *tf.unstack(_check_frame_size(frame_size)))
    num_frames = jpegs.shape[0]
    blank_shape = tf.stack([tf.shape(boxes)[0], num_frames, *image_size, 3])

    def decode(jpegs, frame_size, boxes):
        corner = tf.reduce_min(boxes[:, :2], axis=0)
        hull = tf.concat([corner, tf.reduce_max(boxes[:, :2] + boxes[:, 2:], axis=0) - corner], 0)
        frames = tf.stack([
            tf.image.decode_and_crop_jpeg(jpeg, hull, channels=3, dct_method="INTEGER_ACCURATE")
            for jpeg in check_sizes(tf.unstack(jpegs), frame_size)
        ])  # fmt: skip
        inside = tf.concat([boxes[:, :2] - corner, boxes[:, 2:]], axis=1)
        return scale_crops(frames, inside, image_size)

    crops, good = attempt(
        decode,
        *(jpegs, frame_size, boxes),
        otherwise=tf.zeros(blank_shape, tf.uint8),
    )
    return tf.ensure_shape(crops, [boxes.shape[0], num_frames, *image_size, 3]), good


def _check_frame_size(frame_size):
    rule = (
        "frame_size must be [height, width], both at least 1, with at most "
        f"{MAX_FRAME_PIXELS} pixels. Received:"
    )
    height, width = tf.unstack(tf.cast(frame_size, tf.int64), 2)
    passed = (height >= 1) & (width >= 1) & (height * width <= MAX_FRAME_PIXELS)
    with tf.control_dependencies([tf.debugging.Assert(passed, [rule, frame_size])]):
        return tf.identity(tf.ensure_shape(frame_size, [2]))


def check_sizes(jpegs, frame_size):
    """Returns the JPEGs, after the graph has checked that all of them have the size announced."""
    sizes = tf.stack([tf.image.extract_jpeg_shape(jpeg)[:2] for jpeg in jpegs])
    as_announced = tf.reduce_all(sizes == frame_size)
    with tf.control_dependencies([tf.debugging.Assert(as_announced, [sizes])]):
        return [tf.identity(jpeg) for jpeg in jpegs]
