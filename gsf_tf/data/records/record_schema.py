"""Serializes a clip as a `tf.train.SequenceExample` with the keys of MediaPipe's MediaSequence.

Context: `clip/data_path`, `clip/media_id` (the file's name without extension),
`clip/label/index`, `clip/label/string`, `image/format` (JPEG), `image/channels`,
`image/colorspace`, `image/frame_rate` (frames per second), `image/height`, `image/width`.
A part of a video has `clip/start/timestamp` and `clip/end/timestamp` (microseconds).
Feature lists: `image/encoded` (one JPEG per frame), `image/timestamp` (microseconds).

The label of each task beside the action has the task's name as a prefix, as MediaSequence allows:
`verb/clip/label/index`, `verb/clip/label/string`.

The keys that begin with `gsf_tf/` are this project's. They describe how the frames were made:
`gsf_tf/source` (dataset and version), `gsf_tf/index_base` (number of the first frame in the
source), `gsf_tf/short_side` and `gsf_tf/jpeg_quality`. `gsf_tf/frame_offset` and
`gsf_tf/frame_size` locate each JPEG: its first byte, counted from the end of the context, and its
length. With them a reader takes single frames without copying all.
"""

import pathlib

import tensorflow as tf

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.data.video.encoded_clip import EncodedClip
from gsf_tf.tasks import ACTION

FRAME_OFFSET, FRAME_SIZE = "gsf_tf/frame_offset", "gsf_tf/frame_size"


def serialize_clip(
    source: ClipSource, clip: EncodedClip, listing: ClipListing, settings: RecordSettings
) -> bytes:
    """Returns the record of a clip; the same clip always has the same bytes.

    Args:
        source: The clip's name, labels and bounds.
        clip: The clip's frames.
        listing: The dataset of the clip.
        settings: The settings with which the frames were made.
    """
    example = tf.train.SequenceExample()
    context = example.context.feature
    context["clip/data_path"].bytes_list.value.append(source.data_path.encode())
    context["clip/media_id"].bytes_list.value.append(pathlib.Path(source.path).stem.encode())
    labels = [("", listing.labels, source.label)]
    tasks = zip(listing.task_classes.items(), source.task_labels, strict=True)
    labels += [(f"{task}/", classes, index) for (task, classes), index in tasks]
    for prefix, label_map, index in labels:
        context[f"{prefix}clip/label/index"].int64_list.value.append(index)
        context[f"{prefix}clip/label/string"].bytes_list.value.append(label_map[index].encode())
    if source.start is not None:
        for key, seconds in (("start", source.start), ("end", source.stop)):
            context[f"clip/{key}/timestamp"].int64_list.value.append(round(seconds * 1e6))
    context["image/format"].bytes_list.value.append(b"JPEG")
    context["image/channels"].int64_list.value.append(3)
    context["image/colorspace"].bytes_list.value.append(b"RGB")
    context["image/frame_rate"].float_list.value.append(clip.frame_rate)
    context["image/height"].int64_list.value.append(clip.height)
    context["image/width"].int64_list.value.append(clip.width)
    context["gsf_tf/source"].bytes_list.value.append(listing.source.encode())
    context["gsf_tf/index_base"].int64_list.value.append(clip.index_base)
    context["gsf_tf/short_side"].int64_list.value.append(settings.short_side)
    context["gsf_tf/jpeg_quality"].int64_list.value.append(settings.jpeg_quality)
    lists = example.feature_lists.feature_list
    for frame, timestamp in zip(clip.frames, clip.timestamps, strict=True):
        lists["image/encoded"].feature.add().bytes_list.value.append(frame)
        lists["image/timestamp"].feature.add().int64_list.value.append(timestamp)
    _index_frames(example, clip.frames)
    return example.SerializeToString(deterministic=True)


def _index_frames(example, frames):
    """Adds the offset and the size of each frame, counted from the end of the context."""
    lists = tf.train.SequenceExample(feature_lists=example.feature_lists)
    data, end = lists.SerializeToString(deterministic=True), 0
    context = example.context.feature
    for frame in frames:
        start = data.index(frame, end)
        end = start + len(frame)
        context[FRAME_OFFSET].int64_list.value.append(start)
        context[FRAME_SIZE].int64_list.value.append(len(frame))


def label_key(task: str) -> str:
    """Returns the key under which a record holds the label of a task."""
    return "clip/label/index" if task == ACTION else f"{task}/clip/label/index"
