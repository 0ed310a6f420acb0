"""Writing of shards on a cluster, by Apache Beam."""

import contextlib
import dataclasses
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.records import object_store
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.data.writing.clip_encoder import encode_clips
from gsf_tf.data.writing.record_plan import PlannedShard
from gsf_tf.data.writing.write_shard import write_shard


def write_shards_with_beam(
    shards: Sequence[PlannedShard],
    output: str,
    plan: str,
    listing: ClipListing,
    settings: RecordSettings,
    options: Sequence[str],
) -> None:
    """Writes shards as a Beam pipeline, one shard per element, and waits for its end.

    Each worker decodes in a process of its own, so that a crash inside a decoder costs one clip. A
    worker needs gsf_tf, and the videos and `output` under the same paths as here.

    Args:
        shards: Those to write.
        output: Folder of the records.
        plan: `RecordPlan.fingerprint` of the run.
        listing: The dataset.
        settings: How to store the clips.
        options: Beam's own, as `["--runner=FlinkRunner", "--flink_master=host:8081"]`.
    """
    # Only names and labels travel with the code; the clips are in the shards.
    names = dataclasses.replace(listing, clips=(), missing=())
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(list(shards))
            | "Spread over the workers" >> beam.Reshuffle()
            | "Decode and write" >> beam.Map(_write, output, plan, names, settings)
        )


def _write(shard, output, plan, listing, settings):
    object_store.connect(output)
    with contextlib.closing(encode_clips(shard.clips, settings, workers=1)) as results:
        return write_shard(shard, results, output, plan, listing, settings).name
