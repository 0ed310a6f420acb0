"""Reference form of `gsf_tf.ops.scale_crops`."""

import tensorflow as tf


def scale_crops(frames, boxes, image_size):
    """As `gsf_tf.ops.scale_crops`, for tensors that it has checked."""
    boxes = check_boxes(boxes, *tf.unstack(tf.shape(frames)[1:3]))
    num_frames = frames.shape[0]
    return tf.map_fn(
        lambda box: _scale(_cut(frames, box), image_size),
        boxes,
        fn_output_signature=tf.TensorSpec([num_frames, *image_size, 3], tf.uint8),
    )


def check_boxes(boxes, height, width):
    """Returns the boxes, after the graph has checked that they lie within a frame."""
    rule = (
        "boxes must hold at least one box (top, left, height, width), and each must lie within the "
        "frame and not be empty. Received: boxes and (height, width) of the frame:"
    )
    corner, size = boxes[:, :2], boxes[:, 2:]
    inside = (corner >= 0) & (size >= 1) & (corner <= [height, width] - size)
    passed = tf.reduce_all(inside) & (tf.shape(boxes)[0] > 0)
    with tf.control_dependencies([tf.debugging.Assert(passed, [rule, boxes, height, width])]):
        return tf.identity(boxes)


def _cut(frames, box):
    top, left, height, width = tf.unstack(box)
    return frames[:, top : top + height, left : left + width]


def _scale(frames, image_size):
    def resize():
        resized = tf.image.resize(frames, image_size, antialias=True)
        return tf.cast(tf.round(resized), tf.uint8)

    same = tf.reduce_all(tf.shape(frames)[1:3] == tf.constant(image_size))
    return tf.cond(same, lambda: frames, resize)
