"""Finds where the records of a TFRecord file begin and end, even if the file is damaged.

A record consists of its length (8 bytes), a checksum of the length (4), the content, and a checksum
of the content (4): https://www.tensorflow.org/tutorials/load_data/tfrecord. If the length is
intact, the next record can be found behind a damaged one.

TensorFlow's reader believes a length and asks for as much memory. So the lengths are compared with
the size of the file here, before its reader gets to them.
"""

import array
import functools
import struct
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf
from tensorflow.python.lib.io.tf_record import tf_record_random_reader

from gsf_tf.data.records.damage_log import DamagedRecord
from gsf_tf.ops.reference.count_records import masked_checksum

_HEADER = struct.Struct("<QI")
OVERHEAD = _HEADER.size + 4

WRONG_CHECKSUM = "its content does not match its checksum"

# No message of protocol buffers, and so no clip, is longer.
MAX_RECORD_BYTES = 2**31 - 1

# The default of `tf.data.TFRecordDataset`.
_BUFFER_BYTES = 256 * 1024


def records_from(file, offset) -> tf.data.Dataset:
    """Reads the records of a file from a byte on, and compares their checksums.

    Take no more records than `find_records` finds there: a length that is longer than the file ends
    the process.

    Args:
        file: Path, a string or a scalar tensor.
        offset: The byte, int64; a record must begin there.

    Returns:
        A dataset of string scalars.
    """

    def read(file, offset):
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=file, compression_type="", buffer_size=_BUFFER_BYTES, byte_offsets=offset
        )
        return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))

    # In a function of its own, because TensorFlow 2.17 cannot serialize this op into a graph.
    start = ([file], [tf.cast(offset, tf.int64)])
    return tf.data.Dataset.from_tensors(start).flat_map(read)


class FoundRecords(NamedTuple):
    """Where records begin, whose lengths are intact and lie within the file.

    Attributes:
        offsets: The byte at which each begins, and the end of the last.
        fault: What is wrong with the record that follows, a phrase; `None` if the search ended
            with the file, or where it was to end.
    """

    offsets: array.array
    fault: str | None

    @property
    def count(self) -> int:
        """Number of the records."""
        return len(self.offsets) - 1


def find_records(file: str, offset: int, most: int | None) -> FoundRecords:
    """Finds records by their lengths, without reading their contents.

    Args:
        file: Path of the shard.
        offset: Byte at which the first of them begins.
        most: Number of records after which the search ends, `None` for all of the file.

    Raises:
        tf.errors.OpError: If the file cannot be opened or read.
    """
    size = tf.io.gfile.stat(file).length
    offsets, fault = array.array("q", [offset]), None
    if offset >= size or most == 0:
        return FoundRecords(offsets, None)
    with tf.io.gfile.GFile(file, "rb") as stream:
        while fault is None and offset < size and len(offsets) - 1 != most:
            stream.seek(offset)
            length, fault = _read_length(stream.read(_HEADER.size), size - offset)
            if fault is None:
                offset += length + OVERHEAD
                offsets.append(offset)
    return FoundRecords(offsets, fault)


def _read_length(header, left):
    """Returns the length of a record and what is wrong with it; the file has `left` more bytes."""
    if len(header) < _HEADER.size:
        return 0, f"the file ends after {left} bytes of it"
    length, checksum = _HEADER.unpack(header)
    if checksum != masked_checksum(header[:8]):
        return 0, "its length is damaged, so that the next record cannot be found"
    if left < length + OVERHEAD:
        return 0, f"the file ends after {left} of its {length + OVERHEAD} bytes"
    if length > MAX_RECORD_BYTES:
        return 0, f"it is said to have {length} bytes, and no clip has more than {MAX_RECORD_BYTES}"
    return length, None


def read_records(file: str, found: FoundRecords) -> Iterator[bytes | None]:
    """Reads records and compares their checksums, at any number of damaged ones.

    Args:
        file: Path of the shard.
        found: What `find_records` has found in it.

    Yields:
        For each record its content, or `None` if it does not match its checksum.

    Raises:
        tf.errors.OpError: If the file cannot be opened or read, or has become shorter.
    """
    reader = tf_record_random_reader(file)
    for offset in found.offsets[:-1]:
        try:
            yield reader.read(offset)[0]
        except tf.errors.DataLossError:
            yield None
        except IndexError as error:
            raise tf.errors.OutOfRangeError(
                None, None, f"the file has become shorter than {found.offsets[-1]} bytes"
            ) from error


def find_offset(file: str, index: int) -> int:
    """Returns the byte at which a record begins; all lengths before it must be intact."""
    stat = tf.io.gfile.stat(file)
    offsets = _offsets_of(file, stat.length, stat.mtime_nsec)
    return offsets[min(index, len(offsets) - 1)]


# The damaged records of a shard are looked up one by one, so its lengths are read once.
@functools.lru_cache(maxsize=16)
def _offsets_of(file, length, mtime):
    return find_records(file, 0, None).offsets


def survey(
    file: str, offset: int, index: int, num_clips: int | None
) -> tuple[list[tuple[int, int, int]], list[DamagedRecord]]:
    """Reads the rest of a shard, past its damaged records.

    Args:
        file: Path of the shard.
        offset: Byte at which reading begins.
        index: Index of the record that begins at this byte.
        num_clips: Number of records that the shard should have, `None` if unknown.

    Returns:
        Runs of intact records, each a tuple (offset, index of the first record, number of
        records); and the damaged records.

    Raises:
        tf.errors.OpError: If the file cannot be opened or read.
    """
    most = None if num_clips is None else max(num_clips - index, 0)
    found = find_records(file, offset, most)
    runs, damage = [], []
    for number, record in enumerate(read_records(file, found) if found.count else ()):
        place = found.offsets[number], index + number
        if record is None:
            damage.append(DamagedRecord(file, place[1], place[0], WRONG_CHECKSUM))
        elif runs and sum(runs[-1][1:]) == place[1]:
            runs[-1] = (*runs[-1][:2], runs[-1][2] + 1)
        else:
            runs.append((*place, 1))
    end = find_end_fault(file, found, index, num_clips)
    if end is not None and (end.clips or not (damage or runs)):
        damage.append(end)
    return runs, damage


def find_end_fault(
    file: str, found: FoundRecords, index: int, num_clips: int | None
) -> DamagedRecord | None:
    """Returns what is wrong where the records that were found end, `None` if nothing is.

    Args:
        file: Path of the shard.
        found: What `find_records` has found in it.
        index: Index of the first record found.
        num_clips: Number of records that the shard should have, `None` if unknown.
    """
    end, index = found.offsets[-1], index + found.count
    if found.fault is not None:
        following = 1 if num_clips is None else num_clips - index
        return DamagedRecord(file, index, end, found.fault, following)
    if num_clips is None:
        return None
    should = f"the shard should have {num_clips} clips, and the file"
    if index < num_clips:
        return DamagedRecord(file, index, end, f"{should} ends here", num_clips - index)
    if end < tf.io.gfile.stat(file).length:
        return DamagedRecord(file, index, end, f"{should} goes on here", 0)
    return None
