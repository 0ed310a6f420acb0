"""Where the records of a TFRecord file begin and end, also in a damaged one.

A record is its length (8 bytes), a checksum of the length (4), the content, and a checksum of the
content (4): https://www.tensorflow.org/tutorials/load_data/tfrecord. With a whole length, damage
inside a record does not hide the next one.
"""

import struct

import tensorflow as tf

from gsf_tf.data.records.damage_log import DamagedRecord

_HEADER = struct.Struct("<QI")
OVERHEAD = _HEADER.size + 4

# As `tf.data.TFRecordDataset` has it.
_BUFFER_BYTES = 256 * 1024


def records_from(file, offset) -> tf.data.Dataset:
    """Reads the records of a file that begin at a byte or after it.

    Args:
        file: Path, a string or a scalar tensor.
        offset: The byte, where a record must begin; int64.

    Returns:
        A dataset of string scalars.
    """

    def read(file, offset):
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=file, compression_type="", buffer_size=_BUFFER_BYTES, byte_offsets=offset
        )
        return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))

    # Inside of a function, for TensorFlow 2.17 cannot write this op into a graph.
    start = ([file], [tf.cast(offset, tf.int64)])
    return tf.data.Dataset.from_tensors(start).flat_map(read)


def find_offset(file: str, place: int) -> int:
    """Returns the byte at which a record begins, where all before it have whole lengths."""
    offset = 0
    with tf.io.gfile.GFile(file, "rb") as stream:
        for _ in range(place):
            stream.seek(offset)
            offset += _HEADER.unpack(stream.read(_HEADER.size))[0] + OVERHEAD
    return offset


def survey(
    file: str, offset: int, place: int, num_clips: int | None
) -> tuple[list[tuple[int, int, int]], list[DamagedRecord]]:
    """Reads the rest of a shard, past its damaged records.

    Args:
        file: Path of the shard.
        offset: Byte at which to begin.
        place: Number of the record that begins there.
        num_clips: Records that the shard should have, `None` where that is not known.

    Returns:
        Runs of whole records, each (offset, place, number of records); and the damage.

    Raises:
        tf.errors.OpError: When the file cannot be opened or read.
    """
    runs, damage = [], []
    size = tf.io.gfile.stat(file).length
    while offset < size and place != num_clips:
        end, count = _read_whole_records(file, offset, num_clips and num_clips - place)
        if count:
            runs.append((offset, place, count))
        offset, place = end, place + count
        if offset == size or place == num_clips:
            break
        reason, end = _find_fault(file, offset, size)
        following = num_clips - place if end is None and num_clips is not None else 1
        damage.append(DamagedRecord(file, place, offset, reason, following))
        if end is None:
            return runs, damage
        offset, place = end, place + 1
    if num_clips is not None and place < num_clips:
        reason = f"the shard should have {num_clips} clips, and the file ends here"
        damage.append(DamagedRecord(file, place, offset, reason, num_clips - place))
    elif offset < size and not damage and not runs:
        reason = f"the shard should have {num_clips} clips, and the file goes on here"
        damage.append(DamagedRecord(file, place, offset, reason, 0))
    return runs, damage


def _read_whole_records(file, offset, most):
    """Returns the byte at which the first damaged record begins, and how many come before it."""
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
    """Returns what is wrong with a record's frame, and where it ends if that can be known."""
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
    """CRC-32C (Castagnoli), rotated and offset as TFRecords have it."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
