"""Clips from JPEG files, in standard operations that a served graph can hold."""

import tensorflow as tf

from gsf_tf.data.pipeline.cropping import view_crops
from gsf_tf.ops.reference.attempt import attempt
from gsf_tf.ops.reference.scale_crops import scale_crops
from gsf_tf.ops.sizes import MAX_FRAME_PIXELS

JPEG_INPUT = "jpeg"


def clips_from_jpegs(
    jpegs: tf.Tensor, num_segments: int, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the frames of clips, and crops and scales them as the evaluation does.

    A JPEG that cannot be decoded costs its own clip only, because a server joins the requests of
    several clients to one batch.

    Args:
        jpegs: JPEG files, strings `[N, T]`, the frames of clips, each of any size; or `[N]`, a
            picture for each clip, which all its frames show. Other shapes stop the graph.
        num_segments: T.
        image_size: (height, width) of the clips in pixels.

    Returns:
        A pair: the clips, uint8 `[N, T, *image_size, 3]`, with black frames for JPEGs that cannot
        be decoded; and for each clip what is wrong, strings `[N]`, empty if it is whole.
    """
    rank = tf.rank(jpegs)
    with tf.control_dependencies([_check_shape(jpegs, num_segments)]):
        flat = tf.reshape(jpegs, [-1])
    frames, good = tf.map_fn(
        lambda jpeg: _frame(jpeg, image_size),
        flat,
        fn_output_signature=(
            tf.TensorSpec([*image_size, 3], tf.uint8),
            tf.TensorSpec([], tf.bool),
        ),
    )
    copies = tf.where(rank == 1, num_segments, 1)
    clips = tf.reshape(tf.repeat(frames, copies, axis=0), [-1, num_segments, *image_size, 3])
    return clips, _errors(tf.reshape(tf.repeat(good, copies), [-1, num_segments]))


def _check_shape(jpegs, num_segments):
    rule = (
        f"`{JPEG_INPUT}` must be JPEG files [N, {num_segments}], the frames of each clip, or [N], "
        "a picture for each. Received: shape="
    )
    shape = tf.shape(jpegs)
    is_clips = tf.reduce_all(shape[1:] == num_segments)
    passed = (tf.rank(jpegs) == 1) | ((tf.rank(jpegs) == 2) & is_clips)
    return tf.debugging.Assert(passed, [rule, shape])


def _frame(jpeg, image_size):
    """Returns the center crop of a JPEG, and whether it could be decoded."""

    def decode(jpeg):
        height, width, _ = tf.unstack(tf.image.extract_jpeg_shape(jpeg))
        pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
        with tf.control_dependencies([tf.debugging.Assert(pixels <= MAX_FRAME_PIXELS, [pixels])]):
            box = view_crops(height, width, image_size, 1)
        options = {"channels": 3, "dct_method": "INTEGER_ACCURATE"}
        crop = tf.image.decode_and_crop_jpeg(jpeg, box[0], **options)[None]
        inside = tf.concat([tf.zeros([1, 2], tf.int32), box[:, 2:]], axis=1)
        return tf.ensure_shape(scale_crops(crop, inside, image_size)[0, 0], [*image_size, 3])

    return attempt(decode, jpeg, otherwise=tf.zeros([*image_size, 3], tf.uint8))


def _errors(good):
    """Returns what is wrong with each clip, from whether each of its frames was decoded."""
    numbers = tf.strings.as_string(tf.range(good.shape[1]))
    bad = tf.strings.reduce_join(tf.where(good, "", " " + numbers), axis=-1)
    rule = (
        f"`{JPEG_INPUT}` must hold JPEG files that decode, each of at most {MAX_FRAME_PIXELS} "
        "pixels. Received: others as these frames, counted from 0:"
    )
    return tf.where(tf.reduce_all(good, axis=1), "", rule + bad)
