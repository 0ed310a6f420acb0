"""Writing the clips of one shard."""

import itertools
import os
from collections.abc import Callable, Iterator

import tensorflow as tf

from gsf_tf.data.clip_listing import ClipListing
from gsf_tf.data.clip_source import ClipSource
from gsf_tf.data.encoded_clip import EncodedClip
from gsf_tf.data.finished_shard import FinishedShard
from gsf_tf.data.planned_shard import PlannedShard
from gsf_tf.data.quarantined_clip import QuarantinedClip
from gsf_tf.data.record_schema import serialize_clip
from gsf_tf.data.record_settings import RecordSettings
from gsf_tf.data.shard_writer import ShardWriter
from gsf_tf.data.video_error import VideoError


def write_shard(
    shard: PlannedShard,
    results: Iterator[tuple[ClipSource, EncodedClip | VideoError]],
    output: str,
    plan: str,
    listing: ClipListing,
    settings: RecordSettings,
    on_clip: Callable[[ClipSource, VideoError | None], None] = lambda source, error: None,
) -> FinishedShard:
    """Writes a shard and then, beside it, that it is finished.

    Args:
        shard: Its name and clips.
        results: Gives the shard's clips next, in their order; others may follow.
        output: Folder of the records.
        plan: `RecordPlan.fingerprint` of the run.
        listing: The data set; its clips are not looked at.
        settings: How the frames were made.
        on_clip: Called after each clip with its error, or with `None`.

    Returns:
        The shard's counts.
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
