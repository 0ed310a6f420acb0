"""The small files of a folder of records beside `dataset_info.json`, damaged."""

import copy
import dataclasses
import json
import os

import pytest

from gsf_tf.data import ClipListing, DataError, LabelMap, RecordSettings, read_quarantine
from gsf_tf.data.records.value_rules import BrokenRule
from gsf_tf.data.writing.finished_shard import FinishedShard, QuarantinedClip
from gsf_tf.data.writing.left_out_clips import read_missing, write_quarantine
from gsf_tf.data.writing.record_plan import RecordPlan
from tests.data import fuzz_notes

NO_TEXT = [None, 1, 1.5, True, [], {}]
NO_COUNT = [None, True, 1.0, "1", [1], {}, -1, 2**63, 10**400]
NO_OBJECT = [None, 1, "a", [], [["a", 1]]]
PLAN = {
    "settings": [*NO_OBJECT, {"short_side": 8}, {"seed": "0"}, {"seed": True}, {"unknown": 1}],
    "labels": [None, 1, "abc", {}, [], [1], ["a", "a"], [""]],
    "source_fingerprint": NO_TEXT,
    "num_clips": NO_COUNT,
    "versions": [*NO_OBJECT, {"av": None}, {"av": 1}],
    "clip_bytes": [True, "1", [], {}, -1, -0.5, float("nan"), float("inf"), 10**400],
}
SHARD = {
    **dict.fromkeys(("name", "split", "plan"), [*NO_TEXT, "other"]),
    **dict.fromkeys(("clips", "frames", "record_bytes"), NO_COUNT),
    "file_bytes": [*NO_COUNT, 4],
    "quarantined": [None, 1, "a", {}, [1], [[]], [{}], [{"path": "a"}]],
}
CLIP = {**dict.fromkeys(("path", "split", "label", "reason"), NO_TEXT), "frames_decoded": NO_COUNT}
NO_JSON = [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"a": 1, "a": 1}']
DAMAGED_CLIP = QuarantinedClip("a.mp4", "train", "a", "it is damaged", 3)


def changed(values, rules):
    """Yields the values with one of them changed, missing or added."""
    for name, wrong in rules.items():
        for value in wrong:
            if name != "split" or value != "other":
                yield {**copy.deepcopy(values), name: value}
        yield {key: value for key, value in values.items() if key != name}
    yield {**values, "unknown": 1}


def test_the_plan_of_a_run(tmp_path):
    plan = RecordPlan.of(ClipListing((), LabelMap(("a", "b"))), RecordSettings())
    path = tmp_path / "in_progress.json"
    for clip_bytes in (None, 0, 12345.6):
        plan = dataclasses.replace(plan, clip_bytes=clip_bytes)
        plan.save(str(tmp_path))
        assert RecordPlan.load(str(tmp_path)) == plan
    contents = [json.dumps(values) for values in changed(dataclasses.asdict(plan), PLAN)]
    for content in [*contents, *NO_JSON]:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError, match="in_progress.json` must be.*`overwrite`") as error:
            RecordPlan.load(str(tmp_path))
        assert len(str(error.value)) < 1000
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match="in_progress.json.*named pipe"):
        RecordPlan.load(str(tmp_path))


def test_the_note_of_a_finished_shard(tmp_path):
    """A shard without a note that can be used is written again."""
    name = "train-00000-of-00001.tfrecord"
    (tmp_path / name).write_bytes(b"123")
    shard = FinishedShard(name, "train", "plan", 1, 2, 3, 3, (DAMAGED_CLIP,))
    shard.save(str(tmp_path))
    assert FinishedShard.load(str(tmp_path), name, "plan") == shard
    path = tmp_path / FinishedShard.file_name(name)
    contents = [json.dumps(values) for values in changed(dataclasses.asdict(shard), SHARD)]
    for content in [*contents, *NO_JSON]:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        assert FinishedShard.load(str(tmp_path), name, "plan") is None, content


def test_the_clips_in_quarantine(tmp_path):
    path = tmp_path / "quarantine.jsonl"
    with pytest.raises(DataError, match="quarantine.jsonl"):
        read_quarantine(str(tmp_path))
    for clips in ([], [DAMAGED_CLIP, dataclasses.replace(DAMAGED_CLIP, reason="ä\x85\u2028")]):
        write_quarantine(str(tmp_path), clips)
        assert read_quarantine(str(tmp_path)) == clips
    contents = [json.dumps(values) for values in changed(dataclasses.asdict(DAMAGED_CLIP), CLIP)]
    for content in [*contents, *NO_JSON[1:], b"\n"]:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError, match="quarantine.jsonl` must be as"):
            read_quarantine(str(tmp_path))
    with pytest.raises(BrokenRule, match="`frames_decoded` must be a whole number"):
        QuarantinedClip.of({**dataclasses.asdict(DAMAGED_CLIP), "frames_decoded": True})


def test_the_clips_that_are_missing(tmp_path):
    path = tmp_path / "missing.txt"
    path.write_text("train\ta b\nval\tc\td\n")
    assert read_missing(str(tmp_path)) == [("train", "a b"), ("val", "c\td")]
    for content in (b"train", b"train\t\n", b"\ta\n", b"train\ta\n\nval\tb\n", b"train\t\xff\n"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="missing.txt` must be as"):
            read_missing(str(tmp_path))
    path.unlink()
    with pytest.raises(DataError, match="missing.txt"):
        read_missing(str(tmp_path))
    os.mkfifo(path)
    with pytest.raises(DataError, match="missing.txt.*named pipe"):
        read_missing(str(tmp_path))


def test_fuzzed_notes(tmp_path):
    """More in `python -m tests.data.fuzz_notes`."""
    outcomes = {fuzz_notes.run_case(tmp_path, seed)[1] for seed in range(30000, 30200)}
    assert outcomes == {"valid", "reported"}
