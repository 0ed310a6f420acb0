"""The files of a folder of records that name the clips which are not in them."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator

import tensorflow as tf

from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records import object_store
from gsf_tf.data.records.value_rules import BrokenRule, parse_object, require
from gsf_tf.data.writing.finished_shard import QuarantinedClip
from gsf_tf.errors import DataError
from gsf_tf.files.whole_file import read_small_file, write_whole_file

QUARANTINE_FILE = "quarantine.jsonl"
MISSING_FILE = "missing.txt"


def write_quarantine(folder: str, clips: Iterable[QuarantinedClip]) -> None:
    """Writes `quarantine.jsonl`: the clips that could not be decoded."""
    clips = sorted(clips, key=lambda clip: (clip.split, clip.path))
    lines = [json.dumps(dataclasses.asdict(clip), ensure_ascii=False) for clip in clips]
    text = "".join(f"{line}\n" for line in lines)
    write_whole_file(os.path.join(folder, QUARANTINE_FILE), text)


@object_store.reports_store_errors
def read_quarantine(folder: str) -> list[QuarantinedClip]:
    """Reads the clips that were left out of a folder of records, from its `quarantine.jsonl`.

    Raises:
        DataError: If the file is missing or damaged.
    """
    with _read_lines(os.path.join(folder, QUARANTINE_FILE)) as lines:
        return [QuarantinedClip.of(parse_object(line)) for line in lines]


def write_missing(folder: str, clips: Iterable[ClipSource]) -> None:
    """Writes `missing.txt`, the clips that were listed without a file, if there are any."""
    text = "".join(f"{clip.split}\t{clip.data_path}\n" for clip in clips)
    if text:
        write_whole_file(os.path.join(folder, MISSING_FILE), text)


@object_store.reports_store_errors
def read_missing(folder: str) -> list[tuple[str, str]]:
    """Reads `missing.txt` of a folder of records.

    Returns:
        A pair of the split and the `ClipSource.data_path` of each clip.

    Raises:
        DataError: If the file is missing or damaged.
    """
    with _read_lines(os.path.join(folder, MISSING_FILE)) as lines:
        pairs = []
        for number, line in enumerate(lines, 1):
            split, tab, path = line.partition("\t")
            require(bool(split and tab and path), f"line {number}", "SPLIT<tab>NAME", line)
            pairs.append((split, path))
        return pairs


@contextlib.contextmanager
def _read_lines(path) -> Iterator[list[str]]:
    """Gives the lines of a file; a broken rule in the block is a `DataError` that names it."""
    try:
        text = read_small_file(path).decode("utf-8")
        yield text.removesuffix("\n").split("\n") if text else []
    except (tf.errors.NotFoundError, UnicodeDecodeError, BrokenRule) as error:
        raise DataError(
            f"`{path}` must be as `gsf_tf.data.write_records` wrote it. Received: a damaged file "
            f"({error}). Write the records again (`overwrite`)."
        ) from error
