"""Reading a shard to its end, past the records that are damaged."""

import collections
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf

from gsf_tf.data.records.damage_log import DamagedRecord
from gsf_tf.data.records.record_faults import find_fault
from gsf_tf.data.records.record_framing import OVERHEAD, records_from, survey


def check_shard(
    path: str, num_clips: int, limits: Mapping[str, int], pool: ThreadPoolExecutor | None
) -> Iterator[tuple[int, int, bytes] | DamagedRecord]:
    """Reads a shard and finds all damage.

    Args:
        path: The shard.
        num_clips: Records that it should have; what comes after them is not read.
        limits: As in `find_fault`.
        pool: Looks into the records, decoding every frame, two records for each processor at a
            time. `None` leaves it at the checksums and the number of records.

    Yields:
        In order, each whole record as (number, byte at which it begins, content), and each
        `DamagedRecord`.

    Raises:
        tf.errors.OpError: When the shard is there and cannot be read.
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
        yield DamagedRecord(path, 0, 0, "the shard is not there", num_clips)


def _read(path, num_clips):
    """Yields the records whose checksums are right, and the damage between them."""
    place = offset = 0
    try:
        for record in records_from(path, 0).take(num_clips).as_numpy_iterator():
            yield place, offset, record
            place, offset = place + 1, offset + len(record) + OVERHEAD
    except tf.errors.DataLossError:
        pass  # What is wrong, and where it goes on, the survey says.
    runs, damage = survey(path, offset, place, num_clips)
    for start, first, count in runs:
        while damage and damage[0].place < first:
            yield damage.pop(0)
        place, offset = first, start
        for record in records_from(path, start).take(count).as_numpy_iterator():
            yield place, offset, record
            place, offset = place + 1, offset + len(record) + OVERHEAD
    yield from damage


def _checked(path, item, fault):
    reason = fault and fault.result()
    return DamagedRecord(path, item[0], item[1], reason) if reason else item
