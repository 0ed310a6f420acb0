import numpy as np
import pytest

from gsf_tf.data import DataError, read_quarantine
from gsf_tf.data.listing.datasets import SomethingV1
from tests.data.record_reader import prepare
from tests.data.video_maker import make_frames, numbered_frame

# The official label file is not sorted.
LABELS = """Holding something
Turning something upside down
Pulling something from right to left
Pulling something from left to right
Lifting something up completely, then letting it drop down
"""


@pytest.fixture
def downloads(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "something-something-v1-labels.csv").write_text(LABELS)
    (lists / "something-something-v1-train.csv").write_text(
        "100218;Turning something upside down\n24413;Holding something\n"
        "7;Lifting something up completely, then letting it drop down\n42;Holding something\n"
        "99;Pulling something from left to right\n"
    )
    (lists / "something-something-v1-validation.csv").write_text(
        "74225;Pulling something from left to right\n"
    )
    frames = tmp_path / "20bn-something-something-v1"
    for number, name in enumerate(("100218", "24413", "7", "74225")):
        make_frames(frames / name, 5 + number, 100, 132)
    (make_frames(frames / "42", 6) / "00003.jpg").unlink()
    return frames, lists


def test_from_the_download_to_records(downloads, tmp_path):
    listing = SomethingV1().list_clips(*downloads)
    assert [clip.data_path for clip in listing.missing] == ["99"]
    info, records = prepare(listing, tmp_path / "records", short_side=50)
    assert info.labels == sorted(LABELS.strip().split("\n"))
    assert {name: (record.split, record.label) for name, record in records.items()} == {
        "100218": ("train", "Turning something upside down"),
        "24413": ("train", "Holding something"),
        "7": ("train", "Lifting something up completely, then letting it drop down"),
        "74225": ("val", "Pulling something from left to right"),
    }
    counts = info.splits["train"]
    assert [counts[key] for key in ("published", "found", "missing", "quarantined", "clips")] == [
        86_017, 4, 1, 1, 3,
    ]  # fmt: skip
    assert info.splits["val"]["published"] == 11_522
    assert (tmp_path / "records" / "missing.txt").read_text() == "train\t99\n"
    (quarantined,) = read_quarantine(str(tmp_path / "records"))
    assert quarantined.path == "42" and "1 of the frames 1..6 are missing: 3" in quarantined.reason


def test_frames_are_scaled_down_and_say_where_they_are_from(downloads, tmp_path):
    _, records = prepare(
        SomethingV1().list_clips(*downloads), tmp_path / "records", short_side=50, jpeg_quality=90
    )
    record = records["74225"]
    assert record.frames.shape == (8, 50, 66, 3)
    assert record.numbers == list(range(8))
    error = np.abs(record.frames[3].astype(int) - numbered_frame(3, 50, 66))
    assert error.mean() < 1.5
    np.testing.assert_allclose(record.seconds, np.arange(8) / 12, atol=1e-6)
    context = record.context
    assert context["image/frame_rate"] == 12 and context["gsf_tf/index_base"] == 1
    assert context["gsf_tf/short_side"] == 50 and context["gsf_tf/jpeg_quality"] == 90
    assert context["gsf_tf/source"] == "Something-Something V1"
    assert context["clip/media_id"] == "74225"


def test_an_unknown_label_is_named_with_its_line(downloads):
    (downloads[1] / "something-something-v1-train.csv").write_text(
        "24413;Holding something\n7;Holding somthing\n"
    )
    with pytest.raises(DataError, match=r"'Holding somthing'.*Did you mean.*v1-train\.csv, line 2"):
        SomethingV1().list_clips(*downloads)
    (downloads[1] / "something-something-v1-train.csv").write_text("24413,Holding something\n")
    with pytest.raises(DataError, match=r"`;` and its label.*line 1"):
        SomethingV1().list_clips(*downloads)
