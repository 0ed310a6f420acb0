"""What makes the content of a record unusable, said in words.

A pipeline notices that a record breaks a rule (`parse_clip`, `decode_crops`), without saying which;
this looks at that record alone and says it.
"""

from collections.abc import Mapping

import tensorflow as tf
from google.protobuf.message import DecodeError

from gsf_tf.data.records.record_parser import MAX_FRAME_PIXELS
from gsf_tf.data.records.record_schema import FRAME_OFFSET, FRAME_SIZE


def find_fault(record: bytes, limits: Mapping[str, int | None]) -> str | None:
    """Says what is wrong with the content of a record.

    Args:
        record: A serialized `SequenceExample`.
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
    if not _are_where_they_should(frames, context, record):
        return f"its frames are not where `{FRAME_OFFSET}` and `{FRAME_SIZE}` say"
    return None


def _are_where_they_should(frames, context, record):
    for key in (FRAME_OFFSET, FRAME_SIZE):
        if key in context and context[key].WhichOneof("kind") not in ("int64_list", None):
            return False
    places, sizes = (context[key].int64_list.value for key in (FRAME_OFFSET, FRAME_SIZE))
    if not places and not sizes:
        return True
    if len(places) != len(frames) or len(sizes) != len(frames):
        return False
    # The context is the first field: a tag of one byte, its length, itself.
    end = 1
    while record[end] > 127:
        end += 1
    length = sum((byte & 127) << 7 * place for place, byte in enumerate(record[1 : end + 1]))
    end += 1 + length
    return all(
        record[end + place : end + place + size] == frame.bytes_list.value[0]
        for place, size, frame in zip(places, sizes, frames, strict=True)
    )


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
