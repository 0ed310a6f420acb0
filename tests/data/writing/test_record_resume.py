import dataclasses
import os
import pathlib

import pytest

from gsf_tf.data import (
    DataError,
    DatasetInfo,
    RecordSettings,
    find_complete_records,
    list_video_folder,
    split_for_validation,
    write_records,
)
from gsf_tf.data.writing.record_plan import RecordPlan

SETTINGS = RecordSettings(short_side=32, clips_per_shard=3)


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def listing(video_folder, tmp_path_factory):
    """The clips of `video_folder` and one that cannot be decoded."""
    folder = tmp_path_factory.mktemp("some damaged")
    for clip in video_folder.glob("*/*"):
        target = folder / clip.relative_to(video_folder)
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(clip)
    (folder / "up" / "text.mp4").write_text("not a video")
    return split_for_validation(list_video_folder(folder), 0.2)


@pytest.fixture(scope="module")
def undisturbed(listing, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    write_records(listing, str(folder), SETTINGS)
    return contents(folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


def interrupt(listing, folder, clips, settings=SETTINGS):
    """Begins a run that ends when so many clips are done; returns the shards it leaves."""
    seen = []

    def count(source, error):
        seen.append(source)
        if len(seen) == clips:
            raise Killed

    with pytest.raises(Killed):
        write_records(listing, str(folder), settings, on_clip=count)
    return {path: path.stat() for path in folder.glob("*.tfrecord")}


@pytest.mark.parametrize("clips", [1, 3, 4, 9, 13, 16])
def test_run_interrupted_after_any_clip_is_continued(listing, undisturbed, tmp_path, clips):
    left = interrupt(listing, tmp_path, clips)
    assert not DatasetInfo.exists(str(tmp_path))
    assert find_complete_records(listing, str(tmp_path), SETTINGS) is None
    plans, seen = [], []
    write_records(
        listing,
        str(tmp_path),
        SETTINGS,
        on_plan=lambda *numbers: plans.append(numbers),
        on_clip=lambda source, error: seen.append((source.data_path, error is not None)),
    )
    assert contents(tmp_path) == undisturbed
    assert plans == [(len(left), 6)]
    assert sorted(seen) == [(c.data_path, c.data_path == "up/text.mp4") for c in listing.clips]
    for path, before in left.items():
        after = path.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_run_interrupted_twice(listing, undisturbed, tmp_path):
    first = interrupt(listing, tmp_path, 5)
    second = interrupt(listing, tmp_path, 12)
    assert 0 < len(first) < len(second)
    write_records(listing, str(tmp_path), SETTINGS)
    assert contents(tmp_path) == undisturbed


def test_shard_that_was_damaged_meanwhile_is_written_again(listing, undisturbed, tmp_path):
    one, two, *_ = sorted(interrupt(listing, tmp_path, 13))
    one.write_bytes(one.read_bytes()[:-1])
    two.unlink()
    (tmp_path / "train-00002-of-00005.finished.json").write_text("")
    plans = []
    write_records(listing, str(tmp_path), SETTINGS, on_plan=lambda *n: plans.append(n))
    assert plans == [(1, 6)]
    assert contents(tmp_path) == undisturbed


@pytest.mark.parametrize(
    "change, message",
    [
        ({"short_side": 48}, "short_side: 32 in the folder, 48 now"),
        ({"seed": 1}, "seed: 0 in the folder, 1 now"),
        ({}, "the videos, their labels or their split .16 clips in the folder, 15 now."),
    ],
)
def test_run_of_another_plan_is_refused(listing, tmp_path, change, message):
    interrupt(listing, tmp_path, 5)
    if not change:
        listing = dataclasses.replace(listing, clips=listing.clips[1:])
    settings = dataclasses.replace(SETTINGS, **change)
    before = contents(tmp_path)
    with pytest.raises(DataError, match=f"(?s){message}.*`overwrite`"):
        find_complete_records(listing, str(tmp_path), settings)
    assert contents(tmp_path) == before


def test_run_begun_with_other_libraries_is_refused(listing, tmp_path):
    interrupt(listing, tmp_path, 5)
    plan = RecordPlan.load(str(tmp_path))
    dataclasses.replace(plan, versions={**plan.versions, "av": "0.1"}).save(str(tmp_path))
    with pytest.raises(DataError, match="av: version 0.1 in the folder"):
        find_complete_records(listing, str(tmp_path), SETTINGS)


def test_run_begun_by_another_version(listing, undisturbed, tmp_path):
    (tmp_path / "in_progress.json").write_text('{"short_side": 32}')
    with pytest.raises(DataError, match="(?s)in_progress.json.*`overwrite`"):
        find_complete_records(listing, str(tmp_path), SETTINGS)
    write_records(listing, str(tmp_path), SETTINGS, overwrite=True)
    assert contents(tmp_path) == undisturbed


def test_shards_of_another_plan_are_not_kept(listing, undisturbed, tmp_path):
    interrupt(listing, tmp_path, 13, dataclasses.replace(SETTINGS, jpeg_quality=10))
    plans = []
    write_records(listing, str(tmp_path), SETTINGS, on_plan=lambda *n: plans.append(n))
    assert plans == [(0, 6)] and contents(tmp_path) == undisturbed


def test_run_killed_while_it_removed_older_files(listing, undisturbed, tmp_path):
    interrupt(
        listing, tmp_path, 13, dataclasses.replace(SETTINGS, jpeg_quality=10, clips_per_shard=2)
    )
    (tmp_path / "labels.txt").unlink()
    (tmp_path / "missing.txt").write_text("of another run")
    RecordPlan.of(listing, SETTINGS).save(str(tmp_path))
    write_records(listing, str(tmp_path), SETTINGS)
    assert contents(tmp_path) == undisturbed


def test_run_that_is_to_begin_anew(listing, undisturbed, tmp_path):
    interrupt(listing, tmp_path, 13)
    plans = []
    write_records(
        listing, str(tmp_path), SETTINGS, overwrite=True, on_plan=lambda *n: plans.append(n)
    )
    assert plans == [(0, 6)] and contents(tmp_path) == undisturbed


def test_run_killed_when_all_was_written(listing, undisturbed, tmp_path):
    interrupt(listing, tmp_path, 13)
    traces = {name: data for name, data in contents(tmp_path).items() if name not in undisturbed}
    assert "in_progress.json" in traces and any("finished" in name for name in traces)
    for name, data in (traces | undisturbed).items():
        (tmp_path / name).write_bytes(data)
    info = find_complete_records(listing, str(tmp_path), SETTINGS)
    assert info == DatasetInfo.load(str(tmp_path))
    assert contents(tmp_path) == undisturbed


def test_files_of_others_with_similar_names_stay(listing, tmp_path):
    foreign = ["film.mp4.incomplete", "train.tfrecord", "notes.finished.json"]
    for name in foreign:
        (tmp_path / name).touch()
    write_records(listing, str(tmp_path), SETTINGS)
    assert set(foreign) <= set(os.listdir(tmp_path))
