import dataclasses
import io
import os
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gsf_tf.data import (
    ClipSource,
    DataError,
    DatasetInfo,
    LabelMap,
    RecordSettings,
    VideoError,
    find_complete_records,
    list_video_folder,
    read_frames,
    read_quarantine,
    split_for_validation,
    write_records,
)
from gsf_tf.data.writing import clip_encoder
from gsf_tf.data.writing.write_shard import ShardWriter
from tests.data.odd_videos import VARIABLE_TIMES, make_mixed_folder
from tests.data.record_reader import read_records
from tests.data.video_maker import frame_numbers, make_video


def read_examples(folder, pattern="*.tfrecord"):
    examples = {}
    for path in sorted(tf.io.gfile.glob(f"{folder}/{pattern}")):
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            example = tf.train.SequenceExample.FromString(record)
            examples[example.context.feature["clip/data_path"].bytes_list.value[0]] = example
    return examples


def test_records_hold_every_frame_under_the_keys(video_folder, records):
    examples = read_examples(records)
    assert len(examples) == 15
    for name, example in examples.items():
        path = video_folder / name.decode()
        context = example.context.feature
        lists = example.feature_lists.feature_list
        label = path.parent.name
        assert context["clip/media_id"].bytes_list.value[0].decode() == path.stem
        assert context["clip/label/string"].bytes_list.value[0].decode() == label
        index = context["clip/label/index"].int64_list.value[0]
        assert index == ["closing it", "down", "up"].index(label)
        assert context["image/format"].bytes_list.value[0] == b"JPEG"
        assert context["image/frame_rate"].float_list.value[0] == pytest.approx(10)
        frames = np.stack(
            [np.asarray(Image.open(io.BytesIO(feature.bytes_list.value[0])))
             for feature in lists["image/encoded"].feature]
        )  # fmt: skip
        expected = read_frames(path, short_side=48)
        assert frames.shape == expected.shape
        assert context["image/height"].int64_list.value[0] == frames.shape[1]
        assert context["image/width"].int64_list.value[0] == frames.shape[2]
        assert np.abs(frames.astype(int) - expected).mean() < 3
        np.testing.assert_array_equal(frame_numbers(frames), np.arange(len(frames)))
        timestamps = [f.int64_list.value[0] for f in lists["image/timestamp"].feature]
        np.testing.assert_allclose(timestamps, np.arange(len(frames)) * 1e5)


def test_folder_describes_itself(records, video_folder):
    info = DatasetInfo.load(records)
    labels = LabelMap.load(f"{records}/labels.txt")
    assert info.labels == list(labels) == ["closing it", "down", "up"]
    assert info.label_fingerprint == labels.fingerprint
    assert info.settings == dataclasses.asdict(RecordSettings(short_side=48, clips_per_shard=3))
    assert sum(split["clips"] for split in info.splits.values()) == 15
    assert sum(split["frames"] for split in info.splits.values()) == 3 * (3 + 8 + 13 + 18 + 23)
    shards = {name for split in info.splits.values() for name in split["shards"]}
    others = {"labels.txt", "dataset_info.json", "quarantine.jsonl"}
    assert set(os.listdir(records)) == shards | others
    for split in info.splits.values():
        for name, clips in split["shards"].items():
            assert len(read_examples(records, name)) == clips
    train = info.splits["train"]
    assert len(train["shards"]) == -(-train["clips"] // 3)
    first = read_examples(records, "train-00000*").values()
    assert len({e.context.feature["clip/label/index"].int64_list.value[0] for e in first}) > 1


def test_a_fifth_of_the_clips_is_damaged_and_some_are_unusual(tmp_path):
    damaged, valid = make_mixed_folder(tmp_path / "videos")
    listing = split_for_validation(list_video_folder(tmp_path / "videos"), 0.0)
    assert len(listing.clips) == 25 and len(damaged) == 5
    seen = {}
    info = write_records(
        listing,
        str(tmp_path / "records"),
        RecordSettings(),
        workers=2,
        on_clip=lambda source, error: seen.setdefault(source.data_path, error is None),
    )
    records = read_records(tmp_path / "records")
    assert {name: record.numbers for name, record in records.items()} == valid
    assert records["a/rotated.mp4"].frames.shape[1:3] == (96, 64)
    variable = records["b/variable.mp4"]
    np.testing.assert_allclose(variable.seconds, np.divide(VARIABLE_TIMES, 1000))
    counts = info.splits["train"]
    assert (counts["found"], counts["clips"], counts["quarantined"]) == (25, 20, 5)
    assert seen == {name: True for name in valid} | {name: False for name in damaged}
    left_out = {clip.path: clip for clip in read_quarantine(str(tmp_path / "records"))}
    assert set(left_out) == set(damaged)
    for name, word in damaged.items():
        assert word in left_out[name].reason
    assert 0 < left_out["a/truncated.mp4"].frames_decoded < 20
    assert left_out["a/zero.mp4"].label == "a" and left_out["a/zero.mp4"].split == "train"


def test_split_without_a_readable_clip(tmp_path):
    for name in ("train/a", "train/b"):
        make_video(tmp_path / "videos" / name / "1.mp4", 2)
    (tmp_path / "videos/val/a").mkdir(parents=True)
    (tmp_path / "videos/val/a/1.mp4").touch()
    listing = list_video_folder(tmp_path / "videos")
    with pytest.raises(DataError, match="1 clips for `val`.*val/a/1.mp4.*zero bytes"):
        write_records(listing, str(tmp_path / "records"), RecordSettings())
    assert not DatasetInfo.exists(str(tmp_path / "records"))
    assert find_complete_records(listing, str(tmp_path / "records"), RecordSettings()) is None


def test_complete_records_are_recognised(video_folder, records):
    listing = split_for_validation(list_video_folder(video_folder), 0.2)
    settings = RecordSettings(short_side=48, clips_per_shard=3)
    assert find_complete_records(listing, records, settings) == DatasetInfo.load(records)
    other = dataclasses.replace(settings, jpeg_quality=50)
    with pytest.raises(DataError, match="jpeg_quality: 95 in the folder, 50 now"):
        find_complete_records(listing, records, other)
    fewer = dataclasses.replace(listing, clips=listing.clips[1:])
    with pytest.raises(DataError, match="15 clips in the folder, 14 now"):
        find_complete_records(fewer, records, settings)


def test_foreign_files_are_not_touched(video_folder, tmp_path):
    listing = split_for_validation(list_video_folder(video_folder), 0.2)
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="thesis.tex"):
        find_complete_records(listing, str(tmp_path), RecordSettings())
    (tmp_path / "train-00000-of-00009.tfrecord").write_text("old")
    few = dataclasses.replace(listing, clips=listing.clips[:2])
    write_records(few, str(tmp_path), RecordSettings())
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert not (tmp_path / "train-00000-of-00009.tfrecord").exists()


def test_shard_is_complete_or_absent(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    with pytest.raises(RuntimeError), ShardWriter(path) as shard:
        shard.write(b"half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []
    with ShardWriter(path) as shard:
        shard.write(b"whole")
        (name,) = os.listdir(tmp_path)
        assert re.fullmatch(r"a\.tfrecord\.[0-9a-f]{8}\.incomplete", name)
    assert os.listdir(tmp_path) == ["a.tfrecord"]


def test_long_clips_are_thinned(tmp_path):
    source = ClipSource(str(make_video(tmp_path / "a.mp4", 20)), "a.mp4", 0)
    clip = clip_encoder.encode_clip(source, RecordSettings(max_frames=4))
    frames = [np.asarray(Image.open(io.BytesIO(frame))) for frame in clip.frames]
    np.testing.assert_array_equal(frame_numbers(frames), [2, 7, 12, 17])
    assert clip.frame_rate == pytest.approx(2)
    assert clip.timestamps == [200000, 700000, 1200000, 1700000]
    assert len(clip_encoder.encode_clip(source, RecordSettings(max_frames=20)).frames) == 20


def test_clip_too_long_for_a_record(tmp_path, monkeypatch):
    monkeypatch.setattr(clip_encoder, "MAX_RECORD_BYTES", 1000)
    source = ClipSource(str(make_video(tmp_path / "a.mp4", 5)), "a.mp4", 0)
    with pytest.raises(VideoError, match="too long for one record"):
        clip_encoder.encode_clip(source, RecordSettings())


@pytest.mark.parametrize("name", ["short_side", "jpeg_quality", "max_frames", "clips_per_shard"])
def test_settings_out_of_range(name):
    with pytest.raises(DataError, match=rf"`{name}` must be a whole number in"):
        RecordSettings(**{name: -1})


def test_missing_and_damaged_info(tmp_path):
    with pytest.raises(DataError, match="gsf_tf.data.write_records"):
        DatasetInfo.load(str(tmp_path))
    (tmp_path / "dataset_info.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        DatasetInfo.load(str(tmp_path))
