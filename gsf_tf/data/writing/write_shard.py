"""Writes the clips of one shard."""

import itertools
import os
from collections.abc import Callable, Iterator

import tensorflow as tf

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records.record_schema import serialize_clip
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.data.video.encoded_clip import EncodedClip
from gsf_tf.data.writing.finished_shard import FinishedShard, QuarantinedClip
from gsf_tf.data.writing.record_plan import PlannedShard
from gsf_tf.errors import VideoError
from gsf_tf.files.whole_file import temporary_name


class ShardWriter:
    """Writes records to a file with a temporary name and renames it when it is complete.

    Used as a context manager, it renames the file on success and removes it after an error. Every
    writer has another temporary name, because a cluster may write a shard twice at once.

    Args:
        path: Final name of the shard.

    Example:

    ```python
    with ShardWriter(f"{folder}/train-00000-of-00001.tfrecord") as shard:
        shard.write(record)
    ```
    """

    def __init__(self, path: str):
        self.path = path
        self._incomplete = temporary_name(path)
        self._writer = tf.io.TFRecordWriter(self._incomplete)

    def write(self, record: bytes) -> None:
        """Appends a serialized record."""
        self._writer.write(record)

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, traceback):
        try:
            # It writes what is left in the buffer, which may not fit.
            self._writer.close()
            if error_type is None:
                tf.io.gfile.rename(self._incomplete, self.path, overwrite=True)
                return
        except tf.errors.OpError:
            if error_type is None:
                raise
        finally:
            if tf.io.gfile.exists(self._incomplete):
                tf.io.gfile.remove(self._incomplete)


def write_shard(
    shard: PlannedShard,
    results: Iterator[tuple[ClipSource, EncodedClip | VideoError]],
    output: str,
    plan: str,
    listing: ClipListing,
    settings: RecordSettings,
    on_clip: Callable[[ClipSource, VideoError | None], None] = lambda source, error: None,
) -> FinishedShard:
    """Writes a shard, and then its `FinishedShard` beside it.

    Args:
        shard: Name and clips of the shard.
        results: An iterator whose next elements are the clips of the shard, in their order, as
            `encode_clips` yields them. Clips of other shards may follow.
        output: Folder of the records.
        plan: The `RecordPlan.fingerprint` of the run.
        listing: The dataset of the clips. Its `clips` are not used.
        settings: The settings with which the frames were made.
        on_clip: Called after each clip, with the clip and its error or `None`.

    Returns:
        The counts of the shard.
    """
    path = os.path.join(output, shard.name)
    quarantined, clips, frames, record_bytes = [], 0, 0, 0
    with ShardWriter(path) as writer:
        for source, result in itertools.islice(results, len(shard.clips)):
            if isinstance(result, VideoError):
                label, decoded = listing.labels[source.label], result.frames_decoded
                quarantined.append(
                    QuarantinedClip(source.data_path, shard.split, label, result.reason, decoded)
                )
                on_clip(source, result)
                continue
            record = serialize_clip(source, result, listing, settings)
            writer.write(record)
            clips += 1
            frames += len(result.frames)
            record_bytes += len(record)
            on_clip(source, None)
    finished = FinishedShard(
        shard.name,
        shard.split,
        plan,
        clips,
        frames,
        record_bytes,
        tf.io.gfile.stat(path).length,
        tuple(quarantined),
    )
    finished.save(output)
    return finished
