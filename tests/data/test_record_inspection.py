import collections
import hashlib
import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gsf_tf.data import (
    DataError,
    DatasetInfo,
    RecordSettings,
    contact_sheet,
    inspect_records,
    list_video_folder,
    write_records,
)
from tests.data.record_reader import read_records
from tests.data.video_maker import frame_numbers, make_video


@pytest.fixture
def repeated(tmp_path):
    """A clip that is twice in `train` and once in `val`, another twice in `val`."""
    videos = tmp_path / "videos"
    one = make_video(videos / "train/a/one.mp4", 3)
    shutil.copy(one, videos / "train/a/one again.mp4")
    (videos / "val/a").mkdir(parents=True)
    shutil.copy(one, videos / "val/a/one.mp4")
    make_video(videos / "train/b/two.mp4", 4)
    make_video(videos / "val/b/three.mp4", 5)
    shutil.copy(videos / "val/b/three.mp4", videos / "val/b/three again.mp4")
    write_records(list_video_folder(videos), str(tmp_path / "records"), RecordSettings())
    return str(tmp_path / "records")


def test_counts_are_those_of_the_records(records):
    report = inspect_records(records)
    held = read_records(records).values()
    assert sum(report.clips.values()) == len(held) == 15
    for split in ("train", "val"):
        own = [record for record in held if record.split == split]
        assert report.clips[split] == len(own)
        assert report.frames[split] == collections.Counter(len(record.frames) for record in own)
        names = collections.Counter(record.label for record in own)
        assert report.as_dict()["label_counts"][split] == {n: names[n] for n in report.labels}
    assert report.shapes == collections.Counter(record.frames.shape[1:3] for record in held)
    assert report.frame_rates == {10.0: 15}
    assert report.problems == []
    json.dumps(report.as_dict())


def test_clips_of_one_class_folder_repeat_in_another(records):
    # The fixture draws the same pictures for each class; grouping must say exactly that.
    content = collections.defaultdict(list)
    for name, record in read_records(records).items():
        content[hashlib.sha256(record.frames.tobytes()).hexdigest()].append((record.split, name))
    groups = sorted(sorted(group) for group in content.values() if len(group) > 1)
    assert inspect_records(records).same_content == groups != []


def test_duplicates_and_leaks(repeated):
    report = inspect_records(repeated)
    thrice = [("train", "train/a/one again.mp4"), ("train", "train/a/one.mp4")]
    thrice.append(("val", "val/a/one.mp4"))
    twice = [("val", "val/b/three again.mp4"), ("val", "val/b/three.mp4")]
    assert report.duplicates == [thrice, twice]
    assert report.leaks == [thrice]


def test_sample_is_drawn_by_the_seed(records):
    one, again, other = (inspect_records(records, sample=4, seed=seed) for seed in (0, 0, 1))
    assert one.sample == again.sample != other.sample
    assert len(one.sample) == 4 and inspect_records(records, sample=0).sample == []
    held = read_records(records)
    for clip in inspect_records(records, sample=100).sample:
        record = held[clip.data_path]
        assert (clip.split, clip.label) == (record.split, record.label)
        assert clip.num_frames == len(record.frames)
        pictures = [np.asarray(Image.open(io.BytesIO(frame))) for frame in clip.frames]
        count = min(8, clip.num_frames)
        middles = [int((i + 0.5) * clip.num_frames / count) for i in range(count)]
        assert frame_numbers(pictures).tolist() == middles


def test_contact_sheet_has_a_row_per_clip(records):
    sample = inspect_records(records, sample=3).sample
    sheet = np.asarray(contact_sheet(sample))
    row = len(sheet) // 3
    for number, clip in enumerate(sample):
        # Below the captions; the frames' bottom right corner is a grey level that counts them.
        bottom = 4 + number * (len(sheet) - 4) // 3 + row - 8
        first = Image.open(io.BytesIO(clip.frames[0]))
        right = 4 + round(first.width * 96 / first.height) - 4
        level = sheet[bottom - 4 : bottom, right - 4 : right].mean()
        middle = int(clip.num_frames / min(8, clip.num_frames) / 2)
        assert level == pytest.approx(20 + 5 * middle, abs=4)


def test_records_that_contradict_their_description(repeated):
    info = DatasetInfo.load(repeated)
    info.labels = ["a", "c"]
    info.splits["train"]["frames"] += 1
    (shard,) = info.splits["val"]["shards"]
    info.splits["val"]["shards"][shard] += 1
    info.save(repeated)
    problems = inspect_records(repeated).problems
    assert len([p for p in problems if "label 1 'b'" in p]) == 3
    assert any("train holds 10 frames, and dataset_info.json says 11" in p for p in problems)
    assert any(f"{shard} holds 3 clips, and dataset_info.json says 4" in p for p in problems)


def test_damaged_shard_is_named(repeated):
    path = tf.io.gfile.glob(f"{repeated}/val-*")[0]
    data = open(path, "rb").read()
    with open(path, "wb") as file:
        file.write(data[:-100])
    with pytest.raises(DataError, match="val-00000-of-00001.tfrecord`, damaged after 2 whole"):
        inspect_records(repeated)
    tf.io.gfile.remove(path)
    with pytest.raises(DataError, match="val-00000-of-00001.tfrecord`, which is not"):
        inspect_records(repeated)


def test_record_of_something_else(repeated):
    path = tf.io.gfile.glob(f"{repeated}/val-*")[0]
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(tf.train.SequenceExample().SerializeToString())
    with pytest.raises(DataError, match="record 0 of `.*val-00000"):
        inspect_records(repeated)
