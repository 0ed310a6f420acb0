"""Reference form of `gsf_tf.ops.count_records`."""

import functools

import numpy as np
import tensorflow as tf

from gsf_tf.ops.reference.attempt import attempt

# A record is its length (8 bytes), a checksum of that (4), the content, and its checksum (4).
_LENGTH_BYTES, _HEADER_BYTES, _OVERHEAD = 8, 12, 16


def count_records(file, most):
    """As `gsf_tf.ops.count_records`, for tensors; reads all of the file into memory."""
    content, _ = attempt(_read_bytes, file, otherwise=tf.zeros([0], tf.uint8))
    size = tf.size(content, tf.int64)
    tables = tf.constant(_checksum_tables(), tf.int64)

    def read_header(offset):
        header = tf.cast(content[offset : offset + _HEADER_BYTES], tf.int64)
        length = _integer(header[:_LENGTH_BYTES])
        intact = _masked(header[:_LENGTH_BYTES], tables) == _integer(header[_LENGTH_BYTES:])
        # A length of 2**63 or more is a negative number here.
        is_whole = intact & (length >= 0) & (length <= size - offset - _OVERHEAD)
        return offset + length + _OVERHEAD, is_whole

    def step(offset, _):
        has_header = offset <= size - _OVERHEAD
        return tf.cond(has_header, lambda: read_header(offset), lambda: (offset, has_header))

    # A dataset and no `tf.while_loop`, with which the workers of a `tf.data` service crash.
    steps = tf.data.Dataset.range(tf.where(most < 0, tf.int64.max, most))
    whole = steps.scan(tf.constant(0, tf.int64), step).take_while(lambda is_whole: is_whole)
    return whole.reduce(tf.constant(0, tf.int64), lambda count, _: count + 1)


def _read_bytes(file):
    # The length of a string would be a number of 32 bits.
    return tf.io.decode_raw(tf.io.read_file(file), tf.uint8)


def _integer(bytes_):
    """Returns the number that bytes are, the lowest first."""
    return tf.reduce_sum(tf.bitwise.left_shift(bytes_, 8 * tf.range(tf.size(bytes_, tf.int64))))


def _masked(bytes_, tables):
    """As `masked_checksum`, for a tensor of 8 bytes."""
    parts = tf.gather(tables, bytes_, batch_dims=1)
    # Pairs, pairs of pairs, and so on.
    for _ in range(3):
        parts = tf.bitwise.bitwise_xor(parts[::2], parts[1::2])
    value = tf.bitwise.bitwise_xor(parts[0], _checksum(bytes(_LENGTH_BYTES)))
    rotated = tf.bitwise.bitwise_or(value // 2**15, tf.bitwise.left_shift(value, 17))
    return (rotated % 2**32 + 0xA282EAD8) % 2**32


@functools.cache
def _checksum_tables():
    """Returns what each byte at each place changes in the CRC-32C of 8 zeros, `[8, 256]`.

    A change of a byte changes the checksum by the same bits, whatever the other bytes are.
    """
    zeros = _checksum(bytes(_LENGTH_BYTES))
    tables = np.zeros([_LENGTH_BYTES, 256], np.int64)
    for place in range(_LENGTH_BYTES):
        for byte in range(256):
            data = bytearray(_LENGTH_BYTES)
            data[place] = byte
            tables[place, byte] = _checksum(data) ^ zeros
    return tables


def masked_checksum(data: bytes) -> int:
    """Returns the CRC-32C (Castagnoli), rotated and offset as in the TFRecord format."""
    value = _checksum(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _checksum(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
