"""Turning labeled clips into a folder of records."""

import contextlib
import dataclasses
import itertools
import json
import os
import re
from collections.abc import Callable, Sequence

import tensorflow as tf

from gsf_tf.data.listing import label_map
from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records import dataset_info, object_store
from gsf_tf.data.records.dataset_info import DatasetInfo
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.data.writing import record_plan
from gsf_tf.data.writing.clip_encoder import encode_clips
from gsf_tf.data.writing.finished_shard import FinishedShard, QuarantinedClip
from gsf_tf.data.writing.record_plan import RecordPlan
from gsf_tf.data.writing.write_shard import write_shard
from gsf_tf.errors import DataError, VideoError
from gsf_tf.whole_file import INCOMPLETE, write_whole_file

QUARANTINE_FILE = "quarantine.jsonl"
MISSING_FILE = "missing.txt"

# Clips whose mean size decides how many go into a shard, where the settings leave that open.
_SAMPLE_CLIPS = 32

# What is there only while a run is under way, or after one that was killed.
_SHARD = r"(train|val|test)-\d{5}-of-\d{5}"
_STATE = rf"{_SHARD}\.finished\.json|{re.escape(record_plan.FILE_NAME)}"
_RESULT = "|".join(
    [rf"{_SHARD}\.tfrecord"]
    + [
        re.escape(name)
        for name in (dataset_info.FILE_NAME, label_map.FILE_NAME, QUARANTINE_FILE, MISSING_FILE)
    ]
)
_TRACES = re.compile(rf"{_STATE}|({_STATE}|{_RESULT})\.[0-9a-f]{{8}}\{INCOMPLETE}")
_OWN_FILES = re.compile(rf"{_TRACES.pattern}|{_RESULT}")


@object_store.reports_store_errors
def find_complete_records(
    listing: ClipListing, output: str, settings: RecordSettings
) -> DatasetInfo | None:
    """Looks whether the records are there already.

    What a run leaves that was killed at its very end, when all was complete, is removed.

    Args:
        listing: The clips, each with its split.
        output: Folder of the records.
        settings: How to store them.

    Returns:
        The folder's `DatasetInfo` when it holds all of these clips, stored like this; `None`
        when it is missing, empty, or left by an interrupted run that `write_records` continues.

    Raises:
        DataError: When it holds other records, a part of other records, or other files; the
            message says what differs.
    """
    object_store.connect(output)
    names = tf.io.gfile.listdir(output) if tf.io.gfile.isdir(output) else []
    if not names:
        return None
    plan = RecordPlan.of(listing, settings)
    if dataset_info.FILE_NAME in names:
        info = DatasetInfo.load(output)
        found = sum(split["found"] for split in info.splits.values())
        differences = plan.differences(info.settings, info.labels, info.source_fingerprint, found)
        if differences:
            raise DataError(
                f"An output folder must hold the records of one run. Received `{output}`, which is "
                f"complete but differs in: {'; '.join(differences)}. Choose another output folder, "
                "or overwrite (`--overwrite`)."
            )
        _remove(output, _TRACES)
        return info
    begun = RecordPlan.load(output)
    if begun is None:
        raise DataError(
            f"Records must go to a folder of their own. Received `{output}`, which holds other "
            f"files ({', '.join(sorted(names)[:5])}). Choose another output folder, or overwrite "
            "(`--overwrite`): only files named like records are replaced."
        )
    differences = plan.differences_to(begun)
    if differences:
        raise DataError(
            "An interrupted run must be continued as it was begun. Received "
            f"`{output}`, where one was begun that differs in: {'; '.join(differences)}. Go back "
            "to what was there, choose another output folder, or begin anew (`--overwrite`)."
        )
    return None


@object_store.reports_store_errors
def write_records(
    listing: ClipListing,
    output: str,
    settings: RecordSettings,
    *,
    workers: int = 1,
    beam_options: Sequence[str] | None = None,
    resume: bool = True,
    on_plan: Callable[[int, int], None] = lambda finished, total: None,
    on_clip: Callable[[ClipSource, VideoError | None], None] = lambda source, error: None,
) -> DatasetInfo:
    """Decodes all clips and writes them as sharded TFRecords.

    `output` receives `SPLIT-00000-of-00004.tfrecord`..., `labels.txt`, `quarantine.jsonl`,
    `missing.txt` where clips are listed whose files are not there, and at the very end
    `dataset_info.json`. A shard has its final name only when it is complete.
    The clips of a split are mixed over its shards by the seed; which clip goes where does
    not depend on `workers` nor on which clips can be decoded.

    A run that was interrupted is continued: the shards that it finished stay. Files of any other
    earlier run are removed first.

    Args:
        listing: The clips, each with its split.
        output: Folder to write to; it is made. It may be in an object store.
        settings: How to store them.
        workers: Number of decoding processes.
        beam_options: Options of Apache Beam, which then writes the shards on its workers; the
            bytes are the same. `None` for processes of this machine.
        resume: `False` begins anew even where a run of the same plan was interrupted.
        on_plan: Called once, with the number of shards that are finished and of all shards.
        on_clip: Called after each clip with its error, or with `None`; for the clips of finished
            shards at once, and for those that Beam's workers decode at the end.

    Returns:
        The `DatasetInfo` written.

    Raises:
        DataError: When no clip of a split can be decoded, or `output` cannot be opened.
    """
    object_store.connect(output)
    plan = _start(listing, output, settings, workers, resume)
    shards = plan.shards(listing)
    finished = _load_finished(output, shards, plan)
    remaining = [shard for shard in shards if shard.name not in finished]
    # A run may have been killed while it removed the files of the one before.
    sidecars = {FinishedShard.file_name(name) for name in finished}
    _remove(output, _OWN_FILES, keep={record_plan.FILE_NAME, *finished, *sidecars})
    listing.labels.save(os.path.join(output, label_map.FILE_NAME))
    on_plan(len(finished), len(shards))
    _report_finished(shards, finished, on_clip)
    if beam_options is None:
        _write_here(remaining, output, plan, listing, settings, workers, on_clip)
    elif remaining:
        write_with_beam = _import_beam()
        write_with_beam(remaining, output, plan.fingerprint, listing, settings, beam_options)
    finished = _load_finished(output, shards, plan)
    if beam_options is not None:
        _report_finished(remaining, finished, on_clip)
    return _finish(listing, output, settings, plan, shards, finished)


def read_quarantine(folder: str) -> list[QuarantinedClip]:
    """Reads the clips that were left out of a folder of records."""
    with tf.io.gfile.GFile(os.path.join(folder, QUARANTINE_FILE), "r") as file:
        return [QuarantinedClip(**json.loads(line)) for line in file]


def _start(listing, output, settings, workers, resume):
    """Returns the plan, that of an interrupted run where one is continued."""
    tf.io.gfile.makedirs(output)
    plan = RecordPlan.of(listing, settings)
    begun = RecordPlan.load(output) if resume else None
    if begun is None or plan.differences_to(begun) or DatasetInfo.exists(output):
        # First of all it is said that a run is under way; then `dataset_info.json` goes, without
        # which nobody takes the rest for complete.
        plan.save(output)
        _remove(output, re.compile(re.escape(dataset_info.FILE_NAME)))
        _remove(output, _OWN_FILES, keep={record_plan.FILE_NAME})
    elif begun.clip_bytes is not None:
        plan = begun
    if plan.clip_bytes is None and not settings.clips_per_shard:
        clip_bytes = _mean_clip_bytes(plan.in_order(listing.clips), settings, workers)
        plan = dataclasses.replace(plan, clip_bytes=clip_bytes)
        plan.save(output)
    return plan


def _mean_clip_bytes(clips, settings, workers):
    """Returns the mean size of the first clips that decode, 0 when none does."""
    with contextlib.closing(encode_clips(clips, settings, workers)) as results:
        decoded = (clip for _, clip in results if not isinstance(clip, VideoError))
        sizes = [sum(map(len, clip.frames)) for clip in itertools.islice(decoded, _SAMPLE_CLIPS)]
    return sum(sizes) / len(sizes) if sizes else 0.0


def _load_finished(output, shards, plan):
    """Returns those of the shards that are finished, by their names."""
    fingerprint = plan.fingerprint
    loaded = (FinishedShard.load(output, shard.name, fingerprint) for shard in shards)
    return {shard.name: shard for shard in loaded if shard is not None}


def _report_finished(shards, finished, on_clip):
    for shard in shards:
        if shard.name not in finished:
            continue
        failed = {clip.path: clip for clip in finished[shard.name].quarantined}
        for clip in shard.clips:
            left_out = failed.get(clip.data_path)
            error = left_out and VideoError(clip.path, left_out.reason, left_out.frames_decoded)
            on_clip(clip, error)


def _write_here(shards, output, plan, listing, settings, workers, on_clip):
    in_order = (clip for shard in shards for clip in shard.clips)
    fingerprint = plan.fingerprint
    with contextlib.closing(encode_clips(in_order, settings, workers)) as results:
        for shard in shards:
            write_shard(shard, results, output, fingerprint, listing, settings, on_clip)


def _import_beam():
    try:
        from gsf_tf.data.writing.beam_pipeline import write_shards_with_beam
    except ModuleNotFoundError as error:
        raise DataError(
            "Apache Beam must be installed to run on it. Received an environment without "
            f"`{error.name}`. Install it with `pip install 'gsf_tf[beam]'`, or leave Beam out "
            "(`--runner=local`)."
        ) from error
    return write_shards_with_beam


def _finish(listing, output, settings, plan, shards, finished):
    """Sums up the finished shards and writes everything that stands beside them."""
    by_split = {}
    for shard in shards:
        if shard.name not in finished:
            raise DataError(
                "Every shard must be in the output folder when all are written. Received "
                f"`{output}` without a finished `{shard.name}`: the workers see another folder, or "
                "another program has removed it. Name a folder that all workers share."
            )
        by_split.setdefault(shard.split, []).append((shard, finished[shard.name]))
    splits = {split: _counts(listing, split, pairs) for split, pairs in by_split.items()}
    quarantined = [
        clip for pairs in by_split.values() for _, shard in pairs for clip in shard.quarantined
    ]
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
        source_fingerprint=plan.source_fingerprint,
        splits=splits,
        source=listing.source,
        part_labels={name: list(labels) for name, labels in listing.part_labels.items()},
        flip_pairs=None if listing.flip_pairs is None else [*map(list, listing.flip_pairs)],
    )
    info.save(output)
    _remove(output, _TRACES)
    return info


def _counts(listing, split, pairs):
    return {
        "found": sum(len(planned.clips) for planned, _ in pairs),
        "clips": sum(shard.clips for _, shard in pairs),
        "quarantined": sum(len(shard.quarantined) for _, shard in pairs),
        "missing": sum(clip.split == split for clip in listing.missing),
        "published": listing.published.get(split),
        "frames": sum(shard.frames for _, shard in pairs),
        "bytes": sum(shard.record_bytes for _, shard in pairs),
        "shards": {shard.name: shard.clips for _, shard in pairs},
    }


def _remove(folder, pattern, keep=frozenset()):
    for name in filter(pattern.fullmatch, tf.io.gfile.listdir(folder)):
        if name not in keep:
            tf.io.gfile.remove(os.path.join(folder, name))


def _write_missing(output, missing):
    if missing:
        text = "".join(f"{clip.split}\t{clip.data_path}\n" for clip in missing)
        write_whole_file(os.path.join(output, MISSING_FILE), text)


def _write_quarantine(output, quarantined):
    quarantined = sorted(quarantined, key=lambda clip: (clip.split, clip.path))
    lines = [json.dumps(dataclasses.asdict(clip), ensure_ascii=False) for clip in quarantined]
    text = "".join(f"{line}\n" for line in lines)
    write_whole_file(os.path.join(output, QUARANTINE_FILE), text)
