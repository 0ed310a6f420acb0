"""Writes labeled clips into a folder of records."""

import contextlib
import dataclasses
import itertools
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
from gsf_tf.data.writing.finished_shard import FinishedShard
from gsf_tf.data.writing.left_out_clips import (
    MISSING_FILE,
    QUARANTINE_FILE,
    write_missing,
    write_quarantine,
)
from gsf_tf.data.writing.record_plan import RecordPlan
from gsf_tf.data.writing.write_shard import write_shard
from gsf_tf.errors import DataError, VideoError
from gsf_tf.files.folder_lock import LOCK_FILE, FolderLock
from gsf_tf.files.literal_paths import list_folder
from gsf_tf.files.whole_file import INCOMPLETE, reports_write_errors

# What a process does that holds the lock, and the argument that names the folder.
_LOCK = ("writes records", "output")

# Number of clips whose mean size decides the number of shards if `clips_per_shard` is 0.
_SAMPLE_CLIPS = 32

# Files that exist only during a run, or after a run that was killed.
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
    listing: ClipListing, output: str, settings: RecordSettings, take_over: bool = False
) -> DatasetInfo | None:
    """Checks whether a folder already holds the records that `write_records` would write.

    If it does, temporary files are removed that a run may have left that was killed between its
    last shard and its end.

    Args:
        listing: The clips with their labels and splits. List the videos again if files have
            changed: a listing asks for their sizes once.
        output: Folder of the records.
        settings: How the clips are stored.
        take_over: As in `write_records`.

    Returns:
        The `DatasetInfo` of the folder if it holds records of all of these clips with these
        settings. `None` if the folder is missing or empty, or holds the shards of an interrupted
        run that `write_records` can continue.

    Raises:
        DataError: If the folder holds other records, a part of other records, or other files. The
            message says what differs.
        UserError: If another process is writing records there, or the folder cannot be changed.
    """
    object_store.connect(output)
    if _is_local(output) and not take_over:
        FolderLock.check_free(output, *_LOCK)
    with reports_write_errors(output, "output"):
        names = list_folder(output) if tf.io.gfile.isdir(output) else []
    traces = [name for name in names if _TRACES.fullmatch(name) or name == LOCK_FILE]
    names = [name for name in names if name != LOCK_FILE]
    if not names:
        return None
    plan = RecordPlan.of(listing, settings)
    if dataset_info.FILE_NAME in names:
        info = DatasetInfo.load(output)
        found = sum(split.get("found", split["clips"]) for split in info.splits.values())
        differences = plan.differences(info.settings, info.labels, info.source_fingerprint, found)
        if differences:
            raise DataError(
                "`output` must be a folder for the records of one run. Received: "
                f"output={output!r}, which holds records that differ in: {'; '.join(differences)}. "
                "Choose another `output`, or replace these records (`overwrite`)."
            )
        if traces:
            with _locked(output, take_over):
                _remove(output, _TRACES)
        return info
    begun = RecordPlan.load(output)
    if begun is None:
        raise DataError(
            f"`output` must be a folder for records only. Received: output={output!r}, which holds "
            f"other files ({', '.join(sorted(names)[:5])}). Choose another `output`, or write the "
            "records there all the same (`overwrite`): only files with the names of records "
            "are replaced."
        )
    differences = plan.differences_to(begun)
    if differences:
        raise DataError(
            "An interrupted run must be continued with the same clips and settings. Received: "
            f"output={output!r} with an interrupted run that differs in: "
            f"{'; '.join(differences)}. Restore the earlier values, choose another `output`, or "
            "start over (`overwrite`)."
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
    overwrite: bool = False,
    take_over: bool = False,
    on_plan: Callable[[int, int], None] = lambda finished, total: None,
    on_clip: Callable[[ClipSource, VideoError | None], None] = lambda source, error: None,
) -> DatasetInfo:
    """Decodes all clips and writes them as sharded TFRecords.

    `output` receives the shards (`SPLIT-00000-of-00004.tfrecord` ...), `labels.txt`,
    `quarantine.jsonl`, `missing.txt` if the annotations list clips without a file, and last of all
    `dataset_info.json`. A shard has its final name only when it is complete. The seed distributes
    the clips of a split over its shards. Which clip goes into which shard depends neither on
    `workers` nor on which clips can be decoded.

    An interrupted run with the same clips and settings is continued: the shards that it finished
    are kept. The files of any other earlier run are removed first, so call `find_complete_records`
    before if they must not be lost. One process at a time writes into a local folder: it holds the
    `.lock` there. Folders in an object store are not locked.

    Args:
        listing: The clips with their labels and splits. List the videos again if files have
            changed: a listing asks for their sizes once.
        output: Folder of the records, which is created. It may be in an object store.
        settings: How the clips are stored.
        workers: Number of decoding processes.
        beam_options: Options of Apache Beam, which then writes the shards on its workers; the
            files have the same bytes. `None` writes them with processes of this machine.
        overwrite: Start over, even if an interrupted run could be continued.
        take_over: Write although another process holds the folder; that one ends at its next shard.
        on_plan: Called once, with the number of shards that are finished already and the number
            of all shards.
        on_clip: Called for each clip, with the clip and its error or `None`: for the clips of
            finished shards at the beginning, for those that Beam's workers decode at the end, and
            for all others when they are decoded.

    Returns:
        The `DatasetInfo` of the records.

    Raises:
        DataError: If no clip of a split can be decoded, if `output` cannot be opened, or if Apache
            Beam is needed but not installed.
        UserError: If another process writes into the folder, has taken it over, or the folder
            cannot be written. Shards that are finished stay.
    """
    object_store.connect(output)
    with _locked(output, take_over) as check_lock:
        return _write(
            listing,
            output,
            settings,
            workers,
            beam_options,
            overwrite,
            on_plan,
            on_clip,
            check_lock,
        )


def _is_local(output):
    return "://" not in output


@contextlib.contextmanager
def _locked(output, take_over):
    """Holds the lock of a local folder; gives a function that raises if it was taken over."""
    if not _is_local(output):
        yield lambda: None
        return
    with reports_write_errors(output, "output"), FolderLock(output, *_LOCK, take_over) as lock:
        yield lock.check


def _write(
    listing, output, settings, workers, beam_options, overwrite, on_plan, on_clip, check_lock
):
    plan = _start(listing, output, settings, workers, overwrite)
    shards = plan.shards(listing)
    finished = _load_finished(output, shards, plan)
    remaining = [shard for shard in shards if shard.name not in finished]
    # An earlier run may have been killed while it removed the files of the run before it.
    sidecars = {FinishedShard.file_name(name) for name in finished}
    _remove(output, _OWN_FILES, keep={record_plan.FILE_NAME, *finished, *sidecars})
    listing.labels.save(os.path.join(output, label_map.FILE_NAME))
    on_plan(len(finished), len(shards))
    _report_finished(shards, finished, on_clip)
    if beam_options is None:
        _write_here(remaining, output, plan, listing, settings, workers, on_clip, check_lock)
    elif remaining:
        write_with_beam = _import_beam()
        write_with_beam(remaining, output, plan.fingerprint, listing, settings, beam_options)
    check_lock()
    finished = _load_finished(output, shards, plan)
    if beam_options is not None:
        _report_finished(remaining, finished, on_clip)
    return _finish(listing, output, settings, plan, shards, finished)


def _start(listing, output, settings, workers, overwrite):
    """Returns the plan of this run, or of the interrupted run that it continues."""
    tf.io.gfile.makedirs(output)
    plan = RecordPlan.of(listing, settings)
    begun = None if overwrite else RecordPlan.load(output)
    if begun is None or plan.differences_to(begun) or DatasetInfo.exists(output):
        # The plan first marks the folder as that of an unfinished run. Then `dataset_info.json` is
        # removed, without which nothing takes the other files for complete records.
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
    """Returns the mean size of the first clips that decode, 0 if none does."""
    with contextlib.closing(encode_clips(clips, settings, workers)) as results:
        decoded = (clip for _, clip in results if not isinstance(clip, VideoError))
        sizes = [sum(map(len, clip.frames)) for clip in itertools.islice(decoded, _SAMPLE_CLIPS)]
    return sum(sizes) / len(sizes) if sizes else 0.0


def _load_finished(output, shards, plan):
    """Returns the `FinishedShard`s among the shards, by their names."""
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


def _write_here(shards, output, plan, listing, settings, workers, on_clip, check_lock):
    in_order = (clip for shard in shards for clip in shard.clips)
    fingerprint = plan.fingerprint
    with contextlib.closing(encode_clips(in_order, settings, workers)) as results:
        for shard in shards:
            check_lock()
            write_shard(shard, results, output, fingerprint, listing, settings, on_clip)


def _import_beam():
    try:
        from gsf_tf.data.writing.beam_pipeline import write_shards_with_beam
    except ModuleNotFoundError as error:
        raise DataError(
            "`beam_options` must be None if Apache Beam is not installed. Received: an environment "
            f"without `{error.name}`. Install it with `pip install 'gsf_tf[beam]'`, or write the "
            "records without Beam."
        ) from error
    return write_shards_with_beam


def _finish(listing, output, settings, plan, shards, finished):
    """Sums up the finished shards and writes the other files of the folder."""
    by_split = {}
    for shard in shards:
        if shard.name not in finished:
            raise DataError(
                "`output` must hold every shard when all are written. Received: "
                f"output={output!r} without a finished `{shard.name}`. The workers see another "
                "folder, or another program has removed the file. Name a folder that all workers "
                "share."
            )
        by_split.setdefault(shard.split, []).append((shard, finished[shard.name]))
    splits = {split: _counts(listing, split, pairs) for split, pairs in by_split.items()}
    quarantined = [
        clip for pairs in by_split.values() for _, shard in pairs for clip in shard.quarantined
    ]
    write_quarantine(output, quarantined)
    write_missing(output, listing.missing)
    for split, counts in splits.items():
        if counts["clips"] == 0:
            first = next(clip for clip in quarantined if clip.split == split)
            raise DataError(
                f"At least one clip of each split must decode. Received: {counts['found']} clips "
                f"for `{split}`, none of which decodes; the first is `{first.path}`: "
                f"{first.reason}. All reasons are in `{os.path.join(output, QUARANTINE_FILE)}`."
            )
    info = DatasetInfo(
        labels=list(listing.labels),
        label_fingerprint=listing.labels.fingerprint,
        settings=dataclasses.asdict(settings),
        source_fingerprint=plan.source_fingerprint,
        splits=splits,
        source=listing.source,
        task_classes={task: list(names) for task, names in listing.task_classes.items()},
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
    for name in filter(pattern.fullmatch, list_folder(folder)):
        if name not in keep:
            tf.io.gfile.remove(os.path.join(folder, name))
