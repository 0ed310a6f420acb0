import pathlib
import sys

import pytest

from gsf_tf.data import (
    DataError,
    RecordSettings,
    list_video_folder,
    split_for_validation,
    write_records,
)
from tests.data.odd_videos import make_mixed_folder

SETTINGS = RecordSettings(clips_per_shard=7)


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    make_mixed_folder(folder)
    return split_for_validation(list_video_folder(folder), 0.2)


def contents(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


def test_beam_writes_the_same_bytes(listing, tmp_path):
    write_records(listing, str(tmp_path / "here"), SETTINGS)
    seen = []
    info = write_records(
        listing,
        str(tmp_path / "beam"),
        SETTINGS,
        beam_options=["--runner=DirectRunner"],
        on_clip=lambda source, error: seen.append((source.data_path, error is None)),
    )
    assert contents(tmp_path / "beam") == contents(tmp_path / "here")
    assert len(seen) == 25 and sum(good for _, good in seen) == 20
    assert sum(counts["quarantined"] for counts in info.splits.values()) == 5


def test_beam_continues_an_interrupted_run(listing, tmp_path):
    class Killed(BaseException):
        pass

    def stop(source, error):
        if len(list(tmp_path.glob("*.finished.json"))) == 2:
            raise Killed

    with pytest.raises(Killed):
        write_records(listing, str(tmp_path), SETTINGS, on_clip=stop)
    left = {path: path.stat().st_ino for path in tmp_path.glob("*.tfrecord")}
    plans = []
    write_records(
        listing, str(tmp_path), SETTINGS, beam_options=[], on_plan=lambda *n: plans.append(n)
    )
    assert plans == [(2, 4)] and {path: path.stat().st_ino for path in left} == left


def test_beam_that_is_not_installed(listing, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "gsf_tf.data.writing.beam_pipeline", raising=False)
    with pytest.raises(DataError, match=r"gsf_tf\[beam\]"):
        write_records(listing, str(tmp_path), SETTINGS, beam_options=[])
