"""Values in `dataset_info.json` and `labels.txt` that nothing of ours would write."""

import copy
import dataclasses
import json
import os

import pytest

from gsf_tf.data import (
    DataError,
    DatasetInfo,
    LabelMap,
    inspect_records,
    video_dataset_from_records,
)
from gsf_tf.data.records.record_settings import RecordSettings
from tests.data import fuzz_descriptions
from tests.data.small_records import write_small_records
from tests.fuzzing import watch

SHARD = "train-00000-of-00001.tfrecord"

GOOD = {
    "labels": ["a", "b", "c"],
    "label_fingerprint": "0" * 64,
    "settings": {
        "short_side": 24, "jpeg_quality": 95, "max_frames": 0, "clips_per_shard": 0, "seed": 0
    },
    "source_fingerprint": "1" * 64,
    "splits": {
        "train": {
            "found": 6, "clips": 5, "quarantined": 1, "missing": 0, "published": None, "frames": 20,
            "bytes": 4000, "shards": {SHARD: 5},
        },
        "val": {"clips": 0, "frames": 0, "shards": {}},
    },
    "format_version": 1,
    "source": "folder",
    "part_labels": {"verb": ["x", "y"]},
    "flip_pairs": [["a", "b"]],
}  # fmt: skip

NO_TEXT = [None, 1, 1.5, True, [], {}]
NO_NUMBER = [None, True, 1.0, "1", [1], {}, -1, 2**63, 10**400]
NO_NAMES = [None, 1, "abc", {}, [], [1], ["a", None], [["a"]], ["a", "a"], [""], [" a"], ["a\nb"]]
NO_OBJECT = [None, 1, "a", [], [["a", 1]]]
BROKEN = {
    ("labels",): NO_NAMES,
    ("label_fingerprint",): NO_TEXT,
    ("source_fingerprint",): NO_TEXT,
    ("source",): NO_TEXT,
    ("format_version",): [None, True, 1.0, "1", 0, 2, 10**30],
    ("settings",): [*NO_OBJECT, {"unknown": 1}, {"short_side": 8}, {"seed": "0"}],
    ("settings", "short_side"): [*NO_NUMBER, 0, 10**9],
    ("settings", "jpeg_quality"): [None, "95", 101, 1.5, {}],
    ("splits",): [*NO_OBJECT, {"": {"clips": 0, "frames": 0, "shards": {}}}, {"train": {}}],
    ("splits", "train"): [*NO_OBJECT, {"clips": 1}, {"clips": 1, "frames": 1}],
    ("splits", "train", "clips"): [*NO_NUMBER, 10**12, 10**8],
    ("splits", "train", "frames"): NO_NUMBER,
    ("splits", "train", "found"): NO_NUMBER,
    ("splits", "train", "published"): NO_NUMBER[1:],
    ("splits", "train", "shards"): [
        *NO_OBJECT, {"../other.tfrecord": 5}, {"/etc/passwd": 5}, {"..": 5}, {"": 5}, {".": 1},
        {"a/b": 1}, {"a\0b": 1}, {"gs://x": 1}, {"a\\b": 1},
    ],
    ("splits", "train", "shards", SHARD): [*NO_NUMBER, 10**12, 10**8],
    ("splits", "val"): [{"clips": 5, "frames": 20, "shards": {SHARD: 5}}],
    ("part_labels",): [*NO_OBJECT, {"": ["x"]}, {"action": ["x"]}],
    ("part_labels", "verb"): NO_NAMES,
    ("flip_pairs",): [1, "ab", {}, [1], ["ab"], [["a"]], [["a", "b", "c"]], [["a", 1]], [None]],
}  # fmt: skip
CASES = [(place, value) for place, values in BROKEN.items() for value in values]


def changed(place, value):
    values = copy.deepcopy(GOOD)
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return values


def write(folder, content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "dataset_info.json").write_bytes(data)


def test_values_that_keep_the_rules(tmp_path):
    write(tmp_path, GOOD)
    info = DatasetInfo.load(str(tmp_path))
    assert info.task_classes == {"verb": ["x", "y"]} and info.num_clips("train") == 5
    info.save(str(tmp_path))
    assert json.loads((tmp_path / "dataset_info.json").read_text()) == GOOD


def test_each_value_has_a_rule(tmp_path):
    for place, value in CASES:
        write(tmp_path, changed(place, value))
        with pytest.raises(DataError) as error:
            DatasetInfo.load(str(tmp_path))
        text = str(error.value)
        assert "dataset_info.json` must be as" in text and len(text) < 1500, (place, value)
        name = {"part_labels": "task_classes"}.get(place[0], place[0])
        assert f"{name}`" in text or "a shard must be of one split" in text, (place, value, text)


def test_a_value_that_is_missing_or_unknown(tmp_path):
    for name in ("labels", "label_fingerprint", "settings", "source_fingerprint", "splits"):
        write(tmp_path, {key: value for key, value in GOOD.items() if key != name})
        with pytest.raises(DataError, match=f"dataset_info.json.*{name}"):
            DatasetInfo.load(str(tmp_path))
    write(tmp_path, {**GOOD, "unknown": 1})
    with pytest.raises(DataError, match="unknown"):
        DatasetInfo.load(str(tmp_path))


BYTES = {
    "nothing": b"",
    "text": b"hello",
    "a list": b"[]",
    "a number": b"1",
    "no UTF-8": b'{"labels": ["\xff"]}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "half a character": json.dumps({**GOOD, "source": "\ud800"}).encode(),
    "NaN": json.dumps({**GOOD, "source": float("nan")}).encode(),
    "infinity": json.dumps({**GOOD, "format_version": float("-inf")}).encode(),
    "a number without end": b'{"format_version": ' + b"9" * 10000 + b"}",
    "deep lists": b'{"labels": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep objects": b'{"a":' * 100_000,
    "a key twice": json.dumps(GOOD).encode()[:-1] + b', "source": "x"}',
    "a shard twice": json.dumps(GOOD)
    .encode()
    .replace(b'": 5}', b'": 5, "' + SHARD.encode() + b'": 9}'),
}


@pytest.mark.parametrize("name", BYTES)
def test_files_of_other_bytes(tmp_path, name):
    write(tmp_path, BYTES[name])
    with pytest.raises(DataError, match="dataset_info.json` must be as"):
        DatasetInfo.load(str(tmp_path))


def _no_file(path, kind):
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with open(path, "wb") as file:
            file.truncate(2**40)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "huge"])
def test_what_is_no_small_file(tmp_path, kind):
    """None is opened: a pipe would wait, and a device has no end."""
    _no_file(tmp_path / "dataset_info.json", kind)
    with pytest.raises(DataError, match="A description must"):
        DatasetInfo.load(str(tmp_path))
    _no_file(tmp_path / "labels.txt", kind)
    with pytest.raises(DataError, match="A description must"):
        LabelMap.load(str(tmp_path / "labels.txt"))


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"a\na\n", b"", b"\n", b"a\n\nb\n", b" a\n", b"a\rb"]
)
def test_labels_that_break_a_rule(tmp_path, content):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(DataError):
        LabelMap.load(str(tmp_path / "labels.txt"))


def test_the_settings_that_are_written_are_read(tmp_path):
    settings = dataclasses.asdict(RecordSettings())
    write(tmp_path, {**GOOD, "settings": settings})
    assert DatasetInfo.load(str(tmp_path)).settings == settings
    for name, value in settings.items():
        for other in (str(value), [value], None, True):
            write(tmp_path, {**GOOD, "settings": {**settings, name: other}})
            with pytest.raises(DataError, match=name):
                DatasetInfo.load(str(tmp_path))


def test_every_reader_says_so(tmp_path):
    (shard,) = write_small_records(tmp_path, 3, 3)
    path = tmp_path / "dataset_info.json"
    values = json.loads(path.read_text())
    for count in (10**12, -1):
        values["splits"]["train"]["shards"] = {shard.name: count}
        path.write_text(json.dumps(values))
        for read in (
            lambda: inspect_records(str(tmp_path)),
            lambda: video_dataset_from_records([str(shard)]),
            lambda: video_dataset_from_records([str(shard)], on_error="skip", training=True),
        ):
            with pytest.raises(DataError, match=rf"whole number in 0.*is {count}"):
                read()


def test_a_count_that_the_shard_cannot_hold_is_damage(tmp_path):
    (shard,) = write_small_records(tmp_path, 3, 3)
    path = tmp_path / "dataset_info.json"
    values = json.loads(path.read_text())
    values["splits"]["train"].update(clips=10**6, shards={shard.name: 10**6})
    path.write_text(json.dumps(values))
    calls = []
    report = inspect_records(str(tmp_path), on_clip=lambda: calls.append(None))
    assert report.clips == {"train": 3} and report.missing == {"train": 10**6 - 3}
    assert len(calls) == 10**6


def test_fuzzed_descriptions():
    """More in `python -m tests.data.fuzz_descriptions`."""
    results = list(watch(fuzz_descriptions.PROGRAM, 30000, 80, 80, 300))
    assert {outcome for _, _, outcome in results} == {"valid", "reported"}, [
        result for result in results if result[2] not in ("valid", "reported")
    ]
    assert len(results) == 80
