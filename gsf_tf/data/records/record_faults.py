"""Describes in words why the content of a record is unusable.

The ops of a pipeline (`parse_clip`, `decode_crops`) only detect that a record breaks a rule. The
function of this module reads that record alone and names the rule.
"""

import functools
from collections.abc import Mapping

import tensorflow as tf
from google.protobuf.message import DecodeError

from gsf_tf.data.records.record_parser import parse_clip
from gsf_tf.data.records.record_schema import FRAME_OFFSET, FRAME_SIZE
from gsf_tf.ops import implementation_of, use_implementation
from gsf_tf.ops.sizes import MAX_FRAME_PIXELS


def find_fault(record: bytes, limits: Mapping[str, int | None]) -> str | None:
    """Returns a phrase that says what is wrong with the content of a record.

    Args:
        record: A serialized `SequenceExample`.
        limits: Number of classes by the key of each label, `None` if unknown.

    Returns:
        The first rule that the record breaks, or `None` if it is a clip whose frames all decode.
    """
    try:
        example = tf.train.SequenceExample.FromString(record)
    except DecodeError:
        return "it is not a SequenceExample"
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
            return f"its frame {number} is missing"
        fault = _find_jpeg_fault(feature.bytes_list.value[0], height, width)
        if fault:
            return f"its frame {number} {fault}"
    if not _offsets_are_right(frames, context, record):
        return f"its frames are not at the bytes that `{FRAME_OFFSET}` and `{FRAME_SIZE}` name"
    # Such as a list of frames that is there twice, of which the parsers read different ones.
    is_clip = _parser(tuple(limits.items()), implementation_of("parse_clip"))
    return None if is_clip(record) else "its bytes are not in the form in which clips are written"


@functools.cache
def _parser(limits, implementation):
    """Returns a function that says whether the pipelines accept a record."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def parse(record):
        with use_implementation(implementation):
            return parse_clip(record, dict(limits))[1]

    return parse


def _offsets_are_right(frames, context, record):
    for key in (FRAME_OFFSET, FRAME_SIZE):
        if key in context and context[key].WhichOneof("kind") not in ("int64_list", None):
            return False
    offsets, sizes = (context[key].int64_list.value for key in (FRAME_OFFSET, FRAME_SIZE))
    if not offsets and not sizes:
        return True
    if len(offsets) != len(frames) or len(sizes) != len(frames):
        return False
    # The context is the first field: a tag of one byte, its length as a varint, its content.
    end = 1
    while record[end] > 127:
        end += 1
    length = sum((byte & 127) << 7 * position for position, byte in enumerate(record[1 : end + 1]))
    end += 1 + length
    return all(
        record[end + offset : end + offset + size] == frame.bytes_list.value[0]
        for offset, size, frame in zip(offsets, sizes, frames, strict=True)
    )


def _find_jpeg_fault(jpeg, height, width):
    try:
        found = tf.image.extract_jpeg_shape(jpeg).numpy()
        if tuple(found[:2]) != (height, width):
            return f"announces {found[1]} x {found[0]} pixels, and the record {width} x {height}"
        tf.image.decode_jpeg(jpeg, channels=3)
    except tf.errors.InvalidArgumentError:
        return "is a damaged JPEG"
    return None
