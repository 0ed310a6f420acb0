"""What makes the content of a record unusable: the rules, in the graph and in Python.

The graph stops at a record that breaks one, without saying which; `find_fault` then looks at that
record alone and says it.
"""

from collections.abc import Mapping

import tensorflow as tf
from google.protobuf.message import DecodeError

# Pixels of a frame, a little more than those of 8K video. A larger size is damage, for decoding it
# would take the machine's memory.
MAX_FRAME_PIXELS = 2**25


def check_clip(frames, height, width, labels: Mapping, limits: Mapping[str, int | None]):
    """Stops where a clip breaks a rule.

    Args:
        frames: The JPEGs that will be decoded, a list of string scalars.
        height: int32, as the record says.
        width: Likewise.
        labels: int32 scalars by their keys.
        limits: Number of classes by the same keys, `None` where that is not known.

    Returns:
        `frames`, to be decoded after the check.
    """
    size = tf.stack([height, width])
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    rules = [tf.reduce_all(size > 0), pixels <= MAX_FRAME_PIXELS]
    rules += [
        (label >= 0) if limits[key] is None else (label >= 0) & (label < limits[key])
        for key, label in labels.items()
    ]
    rules += [tf.reduce_all(tf.image.extract_jpeg_shape(jpeg)[:2] == size) for jpeg in frames]
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(tf.stack(rules)), [size])]):
        return [tf.identity(jpeg) for jpeg in frames]


def find_fault(record: bytes, limits: Mapping[str, int | None]) -> str | None:
    """Says what is wrong with the content of a record.

    Args:
        record: A serialised `SequenceExample`.
        limits: Number of classes by the key of the label, `None` where that is not known.

    Returns:
        The first rule that it breaks, `None` where it is a clip whose frames all decode.
    """
    try:
        example = tf.train.SequenceExample.FromString(record)
    except DecodeError:
        return "it is no SequenceExample"
    context = example.context.feature
    kinds = {key: "int64_list" for key in ("image/height", "image/width", *limits)}
    for key, kind in {**kinds, "clip/media_id": "bytes_list"}.items():
        if key not in context or len(getattr(context[key], kind).value) != 1:
            return f"it does not have one value under `{key}`"
    for key, count in limits.items():
        label = context[key].int64_list.value[0]
        if label < 0 or (count is not None and label >= count):
            return f"its `{key}` is {label}, which is outside the {count} classes"
    height, width = (context[f"image/{side}"].int64_list.value[0] for side in ("height", "width"))
    if min(height, width) < 1 or height * width > MAX_FRAME_PIXELS:
        return f"its frames are said to have {width} x {height} pixels"
    frames = example.feature_lists.feature_list["image/encoded"].feature
    if not frames:
        return "it has no frames"
    for number, feature in enumerate(frames):
        if len(feature.bytes_list.value) != 1:
            return f"its frame {number} is not there"
        fault = _find_jpeg_fault(feature.bytes_list.value[0], height, width)
        if fault:
            return f"its frame {number} {fault}"
    return None


def _find_jpeg_fault(jpeg, height, width):
    try:
        found = tf.image.extract_jpeg_shape(jpeg).numpy()
        if tuple(found[:2]) != (height, width):
            return (
                f"announces {found[1]} x {found[0]} pixels, and the record says {width} x {height}"
            )
        tf.image.decode_jpeg(jpeg, channels=3)
    except tf.errors.InvalidArgumentError:
        return "is a damaged JPEG"
    return None
