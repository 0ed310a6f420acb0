import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data.records.record_framing import find_offset, find_records, read_records, survey
from gsf_tf.ops.count_records import count_records
from tests.data.damage_maker import with_length, write_shard

CONTENTS = [b"a" * 40, b"", b"b" * 7, b"c" * 300]
OFFSETS = [0, 56, 72, 95, 411]


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "train-00000-of-00001.tfrecord"
    write_shard(path, CONTENTS)
    return path


def test_records_of_an_intact_file(ops_path, shard):
    found = find_records(str(shard), 0, None)
    assert list(found.offsets) == OFFSETS and found.count == 4 and found.fault is None
    assert list(read_records(str(shard), found)) == CONTENTS
    for most, expected in ((-1, 4), (0, 0), (3, 3), (4, 4), (9, 4)):
        assert int(count_records(str(shard), most)) == expected
        limit = None if most < 0 else most
        assert find_records(str(shard), 0, limit).count == expected
    assert [find_offset(str(shard), index) for index in range(5)] == OFFSETS


# The first is one more than the file has behind the first header.
LENGTHS = [396, 2**31 - 1, 2**31, 2**40, 2**62, 2**63, 2**64 - 17, 2**64 - 1]


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_beyond_the_file_is_believed_nowhere(ops_path, shard, place, length):
    shard.write_bytes(with_length(shard.read_bytes(), OFFSETS[place], length))
    assert int(count_records(str(shard), -1)) == place
    found = find_records(str(shard), 0, None)
    assert found.count == place
    left = OFFSETS[-1] - OFFSETS[place]
    assert found.fault == f"the file ends after {left} of its {length + 16} bytes"
    runs, damage = survey(str(shard), 0, 0, 4)
    assert runs == ([(0, 0, place)] if place else [])
    (only,) = damage
    assert (only.index, only.offset, only.clips) == (place, OFFSETS[place], 4 - place)


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_a_file_as_long_as_an_absurd_length(ops_path, shard):
    """A sparse file has the bytes, and no record is that long."""
    shard.write_bytes(with_length(shard.read_bytes(), OFFSETS[2], 2**33))
    with open(shard, "r+b") as file:
        file.truncate(2**34)
    found = find_records(str(shard), 0, None)
    assert found.count == 2 and "no clip has more than" in found.fault
    assert int(count_records(str(shard), -1)) == 2


def test_any_bytes_as_a_header(ops_path, shard):
    """The checksum of a header is that of the definition."""
    rng = np.random.default_rng(0)
    data = shard.read_bytes()
    for _ in range(20):
        header = rng.bytes(12)
        shard.write_bytes(data + header + bytes(100))
        assert int(count_records(str(shard), -1)) == 4
        assert "its length is damaged" in find_records(str(shard), 0, None).fault


def test_files_without_records(ops_path, tmp_path):
    empty, short = tmp_path / "empty", tmp_path / "short"
    empty.write_bytes(b"")
    short.write_bytes(bytes(15))
    for path in (empty, short, tmp_path, tmp_path / "missing"):
        assert int(count_records(str(path), -1)) == 0
    assert survey(str(empty), 0, 0, None) == ([], [])
    with pytest.raises(tf.errors.NotFoundError):
        find_records(str(tmp_path / "missing"), 0, None)
