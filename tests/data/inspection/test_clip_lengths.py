import pytest

from gsf_tf.data import DataError, read_clip_lengths, video_dataset_from_records
from tests.data.damage_maker import write_shard
from tests.data.small_records import describe_records, small_records, write_small_records


def mixed_records(folder):
    """A shard with clips of four and of seven frames."""
    name = "train-00000-of-00001.tfrecord"
    records = [*small_records(2, 2), *small_records(1, 2, num_frames=7)]
    write_shard(folder / name, records)
    describe_records(folder, {name: 3}, 2)
    return folder / name


def test_ids_are_those_of_the_pipeline(tmp_path):
    path = mixed_records(tmp_path)
    dataset = video_dataset_from_records(
        str(path), num_segments=2, batch_size=3, image_size=16, clip_ids=True
    )
    ((_, _, ids),) = dataset
    lengths = read_clip_lengths(str(tmp_path), "train")
    assert list(lengths) == [name.decode() for name in ids.numpy()]
    assert list(lengths.values()) == [4, 4, 7]


def test_damaged_records_are_left_out(tmp_path):
    path = mixed_records(tmp_path)
    content = bytearray(path.read_bytes())
    content[200] ^= 255
    path.write_bytes(content)
    assert list(read_clip_lengths(str(tmp_path), "train").values()) == [4, 7]


def test_an_unknown_split_is_refused(tmp_path):
    write_small_records(tmp_path, 1, 1)
    with pytest.raises(DataError, match="val"):
        read_clip_lengths(str(tmp_path), "val")
