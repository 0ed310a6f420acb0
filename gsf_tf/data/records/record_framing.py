"""Finds where the records of a TFRecord file begin and end, even if the file is damaged.

A record consists of its length (8 bytes), a checksum of the length (4), the content, and a checksum
of the content (4): https://www.tensorflow.org/tutorials/load_data/tfrecord. If the length is
intact, the next record can be found behind a damaged one.
"""

import struct

import tensorflow as tf

from gsf_tf.data.records.damage_log import DamagedRecord

_HEADER = struct.Struct("<QI")
OVERHEAD = _HEADER.size + 4

# The default of `tf.data.TFRecordDataset`.
_BUFFER_BYTES = 256 * 1024


def records_from(file, offset) -> tf.data.Dataset:
    """Reads the records of a file from a byte on.

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


def find_offset(file: str, index: int) -> int:
    """Returns the byte at which a record begins; all lengths before it must be intact."""
    offset = 0
    with tf.io.gfile.GFile(file, "rb") as stream:
        for _ in range(index):
            stream.seek(offset)
            offset += _HEADER.unpack(stream.read(_HEADER.size))[0] + OVERHEAD
    return offset


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
    runs, damage = [], []
    size = tf.io.gfile.stat(file).length
    while offset < size and index != num_clips:
        end, count = _read_intact_records(file, offset, num_clips and num_clips - index)
        if count:
            runs.append((offset, index, count))
        offset, index = end, index + count
        if offset == size or index == num_clips:
            break
        reason, end = _find_fault(file, offset, size)
        following = num_clips - index if end is None and num_clips is not None else 1
        damage.append(DamagedRecord(file, index, offset, reason, following))
        if end is None:
            return runs, damage
        offset, index = end, index + 1
    if num_clips is not None and index < num_clips:
        reason = f"the shard should have {num_clips} clips, and the file ends here"
        damage.append(DamagedRecord(file, index, offset, reason, num_clips - index))
    elif offset < size and not damage and not runs:
        reason = f"the shard should have {num_clips} clips, and the file goes on here"
        damage.append(DamagedRecord(file, index, offset, reason, 0))
    return runs, damage


def _read_intact_records(file, offset, most):
    """Returns the byte at which the first damaged record begins, and the number before it."""
    count = 0
    lengths = records_from(file, offset).map(tf.strings.length)
    if most is not None:
        lengths = lengths.take(most)
    try:
        for length in lengths.as_numpy_iterator():
            offset += int(length) + OVERHEAD
            count += 1
    except tf.errors.DataLossError:
        pass
    return offset, count


def _find_fault(file, offset, size):
    """Returns what is wrong with a record's framing, and its end, or None if that is unknown."""
    left = size - offset
    if left < _HEADER.size:
        return f"the file ends after {left} bytes of it", None
    with tf.io.gfile.GFile(file, "rb") as stream:
        stream.seek(offset)
        header = stream.read(_HEADER.size)
    length, checksum = _HEADER.unpack(header)
    if checksum != _masked_checksum(header[:8]):
        return "its length is damaged, so that the next record cannot be found", None
    if left < length + OVERHEAD:
        return f"the file ends after {left} of its {length + OVERHEAD} bytes", None
    return "its content does not match its checksum", offset + length + OVERHEAD


def _masked_checksum(data):
    """Returns the CRC-32C (Castagnoli), rotated and offset as in the TFRecord format."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
