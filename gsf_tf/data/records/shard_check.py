"""Reads a shard to its end, past damaged records."""

import collections
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from gsf_tf.data.records.damage_log import DamagedRecord
from gsf_tf.data.records.record_faults import find_fault
from gsf_tf.data.records.record_framing import (
    WRONG_CHECKSUM,
    find_end_fault,
    find_records,
    read_records,
)


def check_shard(
    path: str, num_clips: int, limits: Mapping[str, int], pool: ThreadPoolExecutor | None
) -> Iterator[tuple[int, int, bytes] | DamagedRecord]:
    """Reads a shard and finds all of its damage.

    Args:
        path: The shard.
        num_clips: Number of records that the shard should have. Bytes after them are not read.
        limits: As in `find_fault`.
        pool: Threads that check the content of the records and decode every frame, two records
            per processor at a time. With `None`, only the checksums and the number of records are
            checked.

    Yields:
        In the order of the shard, a tuple (index, byte at which it begins, content) for each
        intact record and a `DamagedRecord` for each damaged one.

    Raises:
        tf.errors.OpError: If the shard exists but cannot be read.
    """
    waiting = collections.deque()
    try:
        for item in _read(path, num_clips):
            is_record = not isinstance(item, DamagedRecord)
            waiting.append((item, is_record and pool and pool.submit(find_fault, item[2], limits)))
            if len(waiting) > 2 * os.cpu_count():
                yield _checked(path, *waiting.popleft())
        while waiting:
            yield _checked(path, *waiting.popleft())
    except tf.errors.NotFoundError:
        yield DamagedRecord(path, 0, 0, "the shard does not exist", num_clips)


def _read(path, num_clips):
    """Yields the records with correct checksums, and the damaged records between them."""
    found = find_records(path, 0, num_clips)
    for index, record in enumerate(read_records(path, found) if found.count else ()):
        offset = found.offsets[index]
        if record is None:
            yield DamagedRecord(path, index, offset, WRONG_CHECKSUM)
        else:
            yield index, offset, record
    end = find_end_fault(path, found, 0, num_clips)
    if end is not None:
        yield end


def _checked(path, item, fault):
    reason = fault and fault.result()
    return DamagedRecord(path, item[0], item[1], reason) if reason else item
