"""Damage to files of records, drawn by a seed."""

import numpy as np
import tensorflow as tf

# Header of a JPEG: the marker that begins the frame's size.
_START_OF_FRAME = b"\xff\xc0"


def write_shard(path, records):
    """Writes records with right lengths and checksums, whatever is in them."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def read_shard(path):
    """Returns the records of a whole file."""
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def edit(change):
    """Makes damage of a function that changes an example; checksums fit."""

    def damage(path, place):
        records = read_shard(path)
        example = tf.train.SequenceExample.FromString(records[place])
        change(example.context.feature, example.feature_lists.feature_list["image/encoded"].feature)
        records[place] = example.SerializeToString(deterministic=True)
        write_shard(path, records)

    return damage


def remove_frames(context, frames):
    """Takes all frames out, for `edit`."""
    del frames[:]


def damage_file(path, records, seed):
    """Writes a damaged file of records; returns the name of the kind of damage."""
    rng = np.random.default_rng(seed)
    kinds = {**_OF_FILES, **_OF_RECORDS, **_OF_FIELDS}
    kind = list(kinds)[rng.integers(len(kinds))]
    records = list(records)
    victim = rng.integers(len(records))
    if kind in _OF_RECORDS:
        records[victim] = kinds[kind](records[victim], rng)
    elif kind in _OF_FIELDS:
        example = tf.train.SequenceExample.FromString(records[victim])
        kinds[kind](example, rng)
        records[victim] = example.SerializeToString()
    write_shard(path, records)
    if kind in _OF_FILES:
        path.write_bytes(kinds[kind](path.read_bytes(), rng))
    return kind


def damage_bytes(data, rng, of_files=False):
    """Returns bytes with damage of a kind that is drawn; `of_files` adds the lengths of records."""
    kinds = list((_OF_FILES if of_files else _OF_RECORDS).values())
    return kinds[rng.integers(len(kinds))](data, rng)


def flip(data, rng):
    """Changes 1 to 16 bytes."""
    changed = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 17)):
        changed[place] ^= rng.integers(1, 256)
    return bytes(changed)


def cut(data, rng):
    """Leaves out the end."""
    return data[: rng.integers(len(data))]


def remove(data, rng):
    """Leaves out a piece."""
    first, last = sorted(rng.integers(len(data) + 1, size=2))
    return data[:first] + data[last:]


def insert(data, rng):
    """Puts up to 64 random bytes somewhere."""
    place = rng.integers(len(data) + 1)
    return data[:place] + rng.bytes(rng.integers(1, 65)) + data[place:]


def zero(data, rng):
    """Sets a piece to zeros, as a disk may leave it."""
    first, last = sorted(rng.integers(len(data) + 1, size=2))
    return data[:first] + bytes(last - first) + data[last:]


def repeat(data, rng):
    """Writes a piece twice."""
    first, last = sorted(rng.integers(len(data) + 1, size=2))
    return data[:last] + data[first:]


def announce_length(data, rng):
    """Writes another length of a record, often an absurd one, with the checksum that fits it."""
    places = [0]
    while places[-1] < len(data):
        places.append(places[-1] + 16 + int.from_bytes(data[places[-1] : places[-1] + 8], "little"))
    place = places[rng.integers(len(places) - 1)]
    lengths = [0, 1, len(data), 2**31 - 1, 2**31, 2**33, 2**40, 2**62, 2**63, 2**64 - 1]
    return with_length(data, place, lengths[rng.integers(len(lengths))])


def with_length(data, place, length):
    """Returns a file whose record at a byte announces a length, with the checksum that fits."""
    header = length.to_bytes(8, "little")
    header += masked_checksum(header).to_bytes(4, "little")
    return data[:place] + header + data[place + 12 :]


def masked_checksum(data):
    """The checksum in TFRecord files, of the definition of CRC-32C."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 * (value & 1))
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) % 2**32


def change_context(example, rng):
    """Another number, none, or two numbers where one is to be."""
    keys = ("clip/label/index", "image/height", "image/width")
    value = example.context.feature[keys[rng.integers(3)]].int64_list.value
    wrong = [-1, 0, 1, 2, 7, 65500, 2**31, 2**40, 2**62, -(2**63)][rng.integers(10)]
    value[:] = [[wrong], [], [wrong, 1]][rng.integers(3)]


def remove_key(example, rng):
    """Takes out a key of the context, or a list of frames or times."""
    tables = (example.context.feature, example.feature_lists.feature_list)
    table = tables[rng.integers(2)]
    del table[sorted(table)[rng.integers(len(table))]]


def change_kind(example, rng):
    """A number where a text is to be, or the other way round."""
    key = sorted(example.context.feature)[rng.integers(len(example.context.feature))]
    example.context.feature[key].float_list.value[:] = [1.5]


def announce_size(example, rng):
    """Writes another size, often an absurd one, into the header of a JPEG."""
    frames = example.feature_lists.feature_list["image/encoded"].feature
    for number in _some(frames, rng):
        jpeg = bytearray(frames[number].bytes_list.value[0])
        size = [65500, 65535, 1, 0, 8][rng.integers(5)].to_bytes(2, "big")
        place = bytes(jpeg).index(_START_OF_FRAME) + 5 + 2 * rng.integers(2)
        jpeg[place : place + 2] = size
        frames[number].bytes_list.value[0] = bytes(jpeg)


def change_frames(example, rng):
    """Takes frames out, empties them, or damages their JPEGs."""
    frames = example.feature_lists.feature_list["image/encoded"].feature
    way = rng.integers(4)
    if way == 0:
        del frames[rng.integers(len(frames)) :]
        return
    for number in _some(frames, rng):
        jpeg = frames[number].bytes_list.value[0]
        changed = [b""] if way == 1 else [(flip if way == 2 else cut)(jpeg, rng)]
        frames[number].bytes_list.value[:] = changed


def forget_offsets(example, rng):
    """A record of the first format, perhaps with odd frames."""
    for key in ("gsf_tf/frame_offset", "gsf_tf/frame_size"):
        del example.context.feature[key]
    frames = example.feature_lists.feature_list["image/encoded"].feature
    way = rng.integers(4)
    if way == 1:
        frames.extend([frames[0]] * int(rng.integers(1, 500)))
    for number in _some(frames, rng) if way > 1 else ():
        values = frames[number].bytes_list.value
        values[:] = [values[0][:1]] * int(rng.integers(3)) if way == 2 else [values[0][:1]]


def _some(values, rng):
    return rng.permutation(len(values))[: rng.integers(1, len(values) + 1)]


_OF_FILES = {
    f"file: {f.__name__}": f for f in (flip, cut, remove, insert, zero, repeat, announce_length)
}
_OF_RECORDS = {f"record: {f.__name__}": f for f in (flip, cut, remove, insert, zero, repeat)}
_OF_FIELDS = {
    f"field: {f.__name__}": f
    for f in (change_context, remove_key, change_kind, announce_size, change_frames, forget_offsets)
}
