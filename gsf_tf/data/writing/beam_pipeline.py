"""Writes shards on a cluster with Apache Beam."""

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
    """Runs a Beam pipeline that writes one shard per element, and waits for its end.

    Each worker decodes in a separate process, so that a crash inside a decoder costs only one clip.
    Every worker needs gsf_tf, and must see the videos and `output` under the same paths as this
    machine.

    Args:
        shards: The shards to write.
        output: Folder of the records.
        plan: The `RecordPlan.fingerprint` of the run.
        listing: The dataset of the clips.
        settings: How the clips are stored.
        options: Options of Beam, such as `["--runner=FlinkRunner", "--flink_master=host:8081"]`.
    """
    # Workers need only names and labels of the listing; the clips are in the shards.
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
