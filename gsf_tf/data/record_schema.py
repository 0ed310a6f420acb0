"""A clip as a `tf.train.SequenceExample`, by the keys of MediaPipe's MediaSequence.

Context: `clip/data_path`, `clip/media_id` (the file's name without extension),
`clip/label/index`, `clip/label/string`, `image/format` (JPEG), `image/channels`,
`image/colorspace`, `image/frame_rate` (frames per second), `image/height`, `image/width`.
Feature lists: `image/encoded` (one JPEG per frame), `image/timestamp` (microseconds).
"""

import pathlib

import tensorflow as tf

from gsf_tf.data.clip_source import ClipSource
from gsf_tf.data.encoded_clip import EncodedClip


def serialize_clip(source: ClipSource, label_name: str, clip: EncodedClip) -> bytes:
    """Returns the record of a clip, the same bytes for the same clip."""
    example = tf.train.SequenceExample()
    context = example.context.feature
    context["clip/data_path"].bytes_list.value.append(source.data_path.encode())
    context["clip/media_id"].bytes_list.value.append(pathlib.Path(source.data_path).stem.encode())
    context["clip/label/index"].int64_list.value.append(source.label)
    context["clip/label/string"].bytes_list.value.append(label_name.encode())
    context["image/format"].bytes_list.value.append(b"JPEG")
    context["image/channels"].int64_list.value.append(3)
    context["image/colorspace"].bytes_list.value.append(b"RGB")
    context["image/frame_rate"].float_list.value.append(clip.frame_rate)
    context["image/height"].int64_list.value.append(clip.height)
    context["image/width"].int64_list.value.append(clip.width)
    lists = example.feature_lists.feature_list
    for frame, timestamp in zip(clip.frames, clip.timestamps, strict=True):
        lists["image/encoded"].feature.add().bytes_list.value.append(frame)
        lists["image/timestamp"].feature.add().int64_list.value.append(timestamp)
    return example.SerializeToString(deterministic=True)


def parse_clip(record: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses what the pipelines need of a record, frames left encoded.

    Args:
        record: A serialised `SequenceExample`, scalar string.

    Returns:
        `frames` (string `[N]`), `height`, `width`, `label` (int32 scalars).
    """
    scalar = tf.io.FixedLenFeature([], tf.int64)
    context, lists = tf.io.parse_single_sequence_example(
        record,
        context_features={key: scalar for key in
                          ("image/height", "image/width", "clip/label/index")},
        sequence_features={"image/encoded": tf.io.FixedLenSequenceFeature([], tf.string)},
    )  # fmt: skip
    return {
        "frames": lists["image/encoded"],
        "height": tf.cast(context["image/height"], tf.int32),
        "width": tf.cast(context["image/width"], tf.int32),
        "label": tf.cast(context["clip/label/index"], tf.int32),
    }
