import collections
import hashlib
import io
import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gsf_tf.data import (
    DatasetInfo,
    RecordSettings,
    contact_sheet,
    inspect_records,
    list_video_folder,
    write_records,
)
from tests.data.damage_maker import read_shard, write_shard
from tests.data.pipeline.test_damaged_records import DAMAGE, NUM_CLIPS, edit, offset_of
from tests.data.record_reader import read_records
from tests.data.small_records import write_small_records
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
        # Below the captions; the frames' bottom right corner is a gray level that counts them.
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
    report = inspect_records(repeated)
    problems = report.problems
    assert len([p for p in problems if "label 1 'b'" in p]) == 3
    assert any("train holds 10 frames, but dataset_info.json states 11" in p for p in problems)
    (end,) = report.damage["val"]
    assert (end.file, end.index, end.clips) == (f"{repeated}/{shard}", 3, 1)
    assert end.reason == "the shard should have 4 clips, and the file ends here"


def test_damage_is_listed_and_the_rest_is_reported(tmp_path):
    # A shard of each kind of damage, always from record 2 on, and then five more shards.
    shards = write_small_records(tmp_path, NUM_CLIPS, 3, num_shards=len(DAMAGE) + 5)
    for shard, (damage, _, _) in zip(shards, DAMAGE.values(), strict=False):
        damage(shard, 2)
    whole, gone, twice, unnamed, long = shards[-5:]
    gone.unlink()
    for place in (0, 4):
        DAMAGE["flipped byte"][0](twice, place)
    edit(lambda context, frames: context.pop("clip/label/string"))(unnamed, 5)
    write_shard(long, [*read_shard(long), *read_shard(long)])
    expected = [
        (shard, 2, offset_of(2), message, clips)
        for shard, (_, message, clips) in zip(shards, DAMAGE.values(), strict=False)
    ]
    checksum = "its content does not match its checksum"
    expected += [
        (gone, 0, 0, "the shard does not exist", 6),
        (twice, 0, 0, checksum, 1),
        (twice, 4, offset_of(4), checksum, 1),
        (unnamed, 5, offset_of(5), "`clip/label/string`", 1),
        (long, 6, offset_of(6), "should have 6 clips, and the file goes on here", 0),
    ]
    calls = []
    report = inspect_records(str(tmp_path), on_clip=lambda: calls.append(None))
    for found, (shard, place, offset, message, clips) in zip(
        report.damage["train"], expected, strict=True
    ):
        assert (found.file, found.index, found.offset) == (str(shard), place, offset)
        assert re.search(message, found.reason) and found.clips == clips
    missing = sum(clips for *_, clips in expected)
    assert report.missing == {"train": missing} and len(calls) == 6 * len(shards)
    assert report.clips == {"train": 6 * len(shards) - missing}
    assert report.frames["train"] == {4: 6 * len(shards) - missing}
    # All shards hold the same clips: of each, there are as many as were not damaged.
    lost = collections.Counter(
        number for _, place, _, _, clips in expected for number in range(place, place + clips)
    )
    assert sorted(map(len, report.same_content)) == sorted(len(shards) - lost[n] for n in range(6))
    assert report.problems == []
    assert {clip.data_path for clip in report.sample} == {f"clip{n}.mp4" for n in range(6)}
    assert len(report.sample) == 6
    values = json.loads(json.dumps(report.as_dict()))
    assert values["missing"] == {"train": missing}
    first = values["damage"]["train"][0]
    assert first.pop("reason") and first == {
        "file": str(shards[0]), "index": 2, "offset": offset_of(2), "clips": 1
    }  # fmt: skip


def test_damage_is_found_without_decoding(tmp_path):
    (shard,) = write_small_records(tmp_path, NUM_CLIPS, 3)
    DAMAGE["no message"][0](shard, 0)
    DAMAGE["damaged JPEG"][0](shard, 1)
    records = [len(record) + 16 for record in read_shard(shard)]
    data = bytearray(shard.read_bytes())
    data[sum(records[:3]) + 100] ^= 1
    shard.write_bytes(data)
    report = inspect_records(str(tmp_path), decode=False)
    assert report.problems == ["train clip1.mp4 has no frame, or one that is a damaged JPEG"]
    sampled = {clip.data_path for clip in report.sample}
    assert sampled == {"clip2.mp4", "clip4.mp4", "clip5.mp4"}
    found = [(record.index, record.offset, record.reason) for record in report.damage["train"]]
    assert found == [
        (0, 0, "it is not a SequenceExample"),
        (3, sum(records[:3]), "its content does not match its checksum"),
    ]
    assert report.clips == {"train": 4} and inspect_records(str(tmp_path)).clips == {"train": 3}


def test_record_of_something_else(repeated):
    path = tf.io.gfile.glob(f"{repeated}/val-*")[0]
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(tf.train.SequenceExample().SerializeToString())
    report = inspect_records(repeated)
    assert report.missing == {"train": 0, "val": 3} and report.clips == {"train": 3, "val": 0}
    first, second = report.damage["val"]
    assert str(first).startswith(f"record 0 of `{path}`, at byte 0: it does not have one value")
    assert str(second).endswith("should have 3 clips, and the file ends here")
