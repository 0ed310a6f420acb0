"""Parses records, and checks every rule that the content of a record must keep."""

from collections.abc import Mapping

import tensorflow as tf

from gsf_tf.data.records.record_schema import FRAME_OFFSET, FRAME_SIZE
from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.attempt import attempt
from gsf_tf.ops.sizes import MAX_FRAME_PIXELS

_FIELDS = ("media_id", "frame_size", "labels", "offset", "size")


def parse_clip(record, limits: Mapping[str, int | None]) -> tuple[dict, tf.Tensor]:
    """Parses a record without copying its frames.

    Frames of more than 2**25 pixels are treated as damage, because decoding them could take all of
    the machine's memory. The time is proportional to the record's length, whatever it holds.

    Args:
        record: A serialized `SequenceExample`, scalar string.
        limits: Number of classes by the key of each label to read, `None` if unknown.

    Returns:
        A pair. The first value is a dictionary of `frame_size` (int32 `[2]`: height and width),
        `media_id` (string scalar), `labels` (int32 `[len(limits)]`), `data` (string scalar), and
        `offset` and `size` (int32 `[N]`): frame n occupies `size[n]` bytes from byte `offset[n]` of
        `data`. The second value is a bool scalar: whether the record keeps all rules for its
        content (the JPEGs are not checked). If it does not, the dictionary describes a clip of one
        empty frame.
    """
    record = tf.convert_to_tensor(record, tf.string)
    limits = {key: tf.int32.max if limit is None else limit for key, limit in limits.items()}
    if use_compiled("parse_clip"):
        parsed = library.raw_op("parse_clip")(
            record,
            label_keys=list(limits),
            label_limits=list(limits.values()),
            max_frame_pixels=MAX_FRAME_PIXELS,
        )
        example = {name: getattr(parsed, name) for name in _FIELDS}
        return {"data": record, **example}, parsed.good
    return attempt(lambda record: _parse(record, limits), record, otherwise=_nothing(limits))


def _nothing(limits):
    return {
        "data": "",
        "media_id": "",
        "frame_size": tf.ones([2], tf.int32),
        "labels": tf.zeros([len(limits)], tf.int32),
        "offset": tf.zeros([1], tf.int32),
        "size": tf.zeros([1], tf.int32),
    }


def _parse(record, limits):
    """The reference form of the op; fails if a rule is broken."""
    scalar, several = tf.io.FixedLenFeature([], tf.int64), tf.io.VarLenFeature(tf.int64)
    end = _context_end(record)
    context, _ = tf.io.parse_single_sequence_example(
        tf.strings.substr(record, 0, end),
        context_features={
            "clip/media_id": tf.io.FixedLenFeature([], tf.string),
            **{key: several for key in (FRAME_OFFSET, FRAME_SIZE)},
            **{key: scalar for key in ("image/height", "image/width", *limits)},
        },
    )
    offset, size = (context[key].values for key in (FRAME_OFFSET, FRAME_SIZE))
    data, offset, size = tf.cond(
        tf.size(offset) + tf.size(size) > 0,
        lambda: (record, tf.cast(end, tf.int64) + offset, size),
        lambda: _find_frames(record),
    )
    height, width = context["image/height"], context["image/width"]
    labels = tf.stack([context[key] for key in limits])
    limit = tf.constant(list(limits.values()), tf.int64)
    most = tf.cast(tf.strings.length(data), tf.int64)
    rules = [
        (height > 0) & (width > 0) & (height <= MAX_FRAME_PIXELS) & (width <= MAX_FRAME_PIXELS),
        height * width <= MAX_FRAME_PIXELS,
        (tf.size(offset) > 0) & (tf.size(offset) == tf.size(size)),
        tf.reduce_all((labels >= 0) & (labels < limit)),
        tf.reduce_all((offset >= 0) & (offset <= most) & (size >= 0) & (size <= most - offset)),
    ]
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(tf.stack(rules)), rules)]):
        return {
            "data": data,
            "media_id": tf.identity(context["clip/media_id"]),
            "frame_size": tf.cast(tf.stack([height, width]), tf.int32),
            "labels": tf.cast(labels, tf.int32),
            "offset": tf.cast(offset, tf.int32),
            "size": tf.cast(size, tf.int32),
        }


def _context_end(record):
    """Returns the byte after the context, the first field: a tag, a varint length, the content."""
    head = tf.io.decode_raw(tf.strings.substr(record, 1, 5), tf.uint8)
    head = tf.cast(head, tf.int32)
    # All bytes of a varint but its last have the highest bit set.
    belongs = tf.math.cumprod(head // 128, exclusive=True)
    weights = tf.constant([128**position for position in range(5)])[: tf.size(head)]
    return 1 + tf.reduce_sum(belongs) + tf.reduce_sum(belongs * (head % 128) * weights)


def _find_frames(record):
    """Copies the frames out of a record of the first format, which lacks their offsets."""
    _, lists = tf.io.parse_single_sequence_example(
        record,
        sequence_features={"image/encoded": tf.io.FixedLenSequenceFeature([], tf.string)},
    )
    frames = lists["image/encoded"]
    size = tf.cast(tf.strings.length(frames), tf.int64)
    return tf.strings.reduce_join(frames), tf.cumsum(size, exclusive=True), size
