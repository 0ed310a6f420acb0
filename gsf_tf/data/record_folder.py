"""Turning labelled clips into a folder of records."""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable

import tensorflow as tf

from gsf_tf.data import dataset_info, label_map
from gsf_tf.data.clip_encoder import encode_clips
from gsf_tf.data.clip_listing import ClipListing
from gsf_tf.data.clip_source import ClipSource
from gsf_tf.data.data_error import DataError
from gsf_tf.data.dataset_info import DatasetInfo
from gsf_tf.data.quarantined_clip import QuarantinedClip
from gsf_tf.data.record_schema import serialize_clip
from gsf_tf.data.record_settings import RecordSettings
from gsf_tf.data.shard_writer import ShardWriter
from gsf_tf.data.video_error import VideoError

QUARANTINE_FILE = "quarantine.jsonl"
MISSING_FILE = "missing.txt"

# Says that shards without a `dataset_info.json` are those of an interrupted run.
_IN_PROGRESS = "in_progress.json"

_OWN_FILES = re.compile(
    r"(train|val|test)-\d{5}-of-\d{5}\.tfrecord(\.incomplete)?"
    rf"|dataset_info\.json(\.incomplete)?|{_IN_PROGRESS}|{label_map.FILE_NAME}|{QUARANTINE_FILE}"
    rf"|{MISSING_FILE}"
)


def find_complete_records(
    listing: ClipListing, output: str, settings: RecordSettings
) -> DatasetInfo | None:
    """Looks whether the records are there already.

    Args:
        listing: The clips, each with its split.
        output: Folder of the records.
        settings: How to store them.

    Returns:
        The folder's `DatasetInfo` when it holds all of these clips, stored like this; `None`
        when it is missing, empty, or left by an interrupted run.

    Raises:
        DataError: When it holds other records or other files; the message says what differs.
    """
    if not DatasetInfo.exists(output):
        names = tf.io.gfile.listdir(output) if tf.io.gfile.isdir(output) else []
        if names and _IN_PROGRESS not in names:
            raise DataError(
                "Records must go to a folder of their own. Received "
                f"`{output}`, which holds other files ({', '.join(sorted(names)[:5])}). Choose "
                "another output folder, or overwrite (`--overwrite`): only files named like "
                "records are replaced."
            )
        return None
    info = DatasetInfo.load(output)
    wanted = dataclasses.asdict(settings)
    differences = [
        f"{name}: {info.settings.get(name)} there, {value} here"
        for name, value in wanted.items()
        if info.settings.get(name) != value
    ]
    if info.labels != list(listing.labels):
        differences.append(f"classes: {len(info.labels)} there, {len(listing.labels)} here")
    if info.source_fingerprint != listing.fingerprint():
        found = sum(split["found"] for split in info.splits.values())
        differences.append(
            f"the videos, their labels or their split ({found} clips there, "
            f"{len(listing.clips)} here)"
        )
    if differences:
        raise DataError(
            f"An output folder must hold the records of one run. Received `{output}`, which is "
            f"complete but differs in: {'; '.join(differences)}. Choose another output folder, "
            "or overwrite (`--overwrite`)."
        )
    return info


def write_records(
    listing: ClipListing,
    output: str,
    settings: RecordSettings,
    *,
    workers: int = 1,
    on_clip: Callable[[ClipSource, VideoError | None], None] = lambda source, error: None,
) -> DatasetInfo:
    """Decodes all clips and writes them as sharded TFRecords.

    `output` receives `SPLIT-00000-of-00004.tfrecord`..., `labels.txt`, `quarantine.jsonl`,
    `missing.txt` where clips are listed whose files are not there, and at the very end
    `dataset_info.json`. A shard has its final name only when it is complete.
    The clips of a split are mixed over its shards by the seed; which clip goes where does
    not depend on `workers` nor on which clips can be decoded. Files of an earlier run are
    removed first.

    Args:
        listing: The clips, each with its split.
        output: Folder to write to; it is made.
        settings: How to store them.
        workers: Number of decoding processes.
        on_clip: Called after each clip with its error, or with `None`.

    Returns:
        The `DatasetInfo` written.

    Raises:
        DataError: When no clip of a split can be decoded.
    """
    _start(listing, output, settings)
    shards = _plan_shards(listing, settings)
    in_order = (clip for planned in shards.values() for shard in planned for clip in shard)
    quarantined, splits = [], {}
    with contextlib.closing(encode_clips(in_order, settings, workers)) as results:
        for split, planned in shards.items():
            splits[split], failed = _write_split(
                split, planned, results, listing, settings, output, on_clip
            )
            quarantined += failed
    _write_quarantine(output, quarantined)
    _write_missing(output, listing.missing)
    for split, counts in splits.items():
        if counts["clips"] == 0:
            first = next(clip for clip in quarantined if clip.split == split)
            raise DataError(
                f"At least one clip of each split must decode. Received {counts['found']} clips "
                f"for `{split}`, none of which does; the first is `{first.path}`: "
                f"{first.reason}. All reasons are in `{os.path.join(output, QUARANTINE_FILE)}`."
            )
    info = DatasetInfo(
        labels=list(listing.labels),
        label_fingerprint=listing.labels.fingerprint,
        settings=dataclasses.asdict(settings),
        source_fingerprint=listing.fingerprint(),
        splits=splits,
        source=listing.source,
        part_labels={name: list(labels) for name, labels in listing.part_labels.items()},
        flip_pairs=None if listing.flip_pairs is None else [*map(list, listing.flip_pairs)],
    )
    info.save(output)
    tf.io.gfile.remove(os.path.join(output, _IN_PROGRESS))
    return info


def read_quarantine(folder: str) -> list[QuarantinedClip]:
    """Reads the clips that were left out of a folder of records."""
    with tf.io.gfile.GFile(os.path.join(folder, QUARANTINE_FILE), "r") as file:
        return [QuarantinedClip(**json.loads(line)) for line in file]


def _start(listing, output, settings):
    tf.io.gfile.makedirs(output)
    with tf.io.gfile.GFile(os.path.join(output, _IN_PROGRESS), "w") as file:
        json.dump(dataclasses.asdict(settings), file)
    # `dataset_info.json` goes first: without it nobody takes the rest for complete.
    names = filter(_OWN_FILES.fullmatch, tf.io.gfile.listdir(output))
    for name in sorted(names, key=lambda name: name != dataset_info.FILE_NAME):
        if name != _IN_PROGRESS:
            tf.io.gfile.remove(os.path.join(output, name))
    listing.labels.save(os.path.join(output, label_map.FILE_NAME))


def _plan_shards(listing, settings):
    """Returns the clips of every shard of every split."""

    def position(clip):
        return hashlib.sha256(f"{settings.seed}:{clip.data_path}".encode()).digest()

    shards = {}
    for split, clips in listing.by_split().items():
        count = -(-len(clips) // settings.clips_per_shard)
        order = sorted(clips, key=position)
        if order:
            shards[split] = [order[number::count] for number in range(count)]
    return shards


def _write_split(split, shards, results, listing, settings, output, on_clip):
    """Writes the shards of one split and returns its counts and its quarantined clips."""
    counts = {
        "found": sum(map(len, shards)),
        "clips": 0,
        "quarantined": 0,
        "missing": sum(clip.split == split for clip in listing.missing),
        "published": listing.published.get(split),
        "frames": 0,
        "bytes": 0,
        "shards": {},
    }
    quarantined = []
    for number, shard in enumerate(shards):
        name = f"{split}-{number:05d}-of-{len(shards):05d}.tfrecord"
        written = 0
        with ShardWriter(os.path.join(output, name)) as writer:
            for source, result in itertools.islice(results, len(shard)):
                if isinstance(result, VideoError):
                    reason, decoded = result.reason, result.frames_decoded
                    label = listing.labels[source.label]
                    quarantined.append(
                        QuarantinedClip(source.data_path, split, label, reason, decoded)
                    )
                    on_clip(source, result)
                    continue
                record = serialize_clip(source, result, listing, settings)
                writer.write(record)
                written += 1
                counts["frames"] += len(result.frames)
                counts["bytes"] += len(record)
                on_clip(source, None)
        counts["shards"][name] = written
        counts["clips"] += written
    counts["quarantined"] = len(quarantined)
    return counts, quarantined


def _write_missing(output, missing):
    if missing:
        with tf.io.gfile.GFile(os.path.join(output, MISSING_FILE), "w") as file:
            file.write("".join(f"{clip.split}\t{clip.data_path}\n" for clip in missing))


def _write_quarantine(output, quarantined):
    quarantined.sort(key=lambda clip: (clip.split, clip.path))
    lines = [json.dumps(dataclasses.asdict(clip), ensure_ascii=False) for clip in quarantined]
    with tf.io.gfile.GFile(os.path.join(output, QUARANTINE_FILE), "w") as file:
        # In one piece: without a single `write`, GFile would not make the file at all.
        file.write("".join(f"{line}\n" for line in lines))
