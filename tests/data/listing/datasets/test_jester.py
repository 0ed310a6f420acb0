import pytest

from gsf_tf.data import DataError, FlipRule
from gsf_tf.data.listing.datasets import Jester
from tests.data.record_reader import prepare
from tests.data.video_maker import make_frames

# The official label file is not sorted.
LABELS = """Swiping Left
Swiping Right
Sliding Two Fingers Left
Sliding Two Fingers Right
Turning Hand Clockwise
Turning Hand Counterclockwise
Doing other things
"""


@pytest.fixture
def downloads(tmp_path):
    lists = tmp_path / "labels"
    lists.mkdir()
    (lists / "jester-v1-labels.csv").write_text(LABELS)
    (lists / "jester-v1-train.csv").write_text(
        "34870;Swiping Left\n56557;Turning Hand Clockwise\n9;Swiping Right\n"
    )
    (lists / "jester-v1-validation.csv").write_text("9223;Doing other things\n")
    for number, name in enumerate(("34870", "56557", "9223")):
        make_frames(tmp_path / "20bn-jester-v1" / name, 4 + number, 50, 88)
    return tmp_path / "20bn-jester-v1", lists


def test_from_the_download_to_records(downloads, tmp_path):
    info, records = prepare(Jester().list_clips(*downloads), tmp_path / "records")
    assert info.source == "Jester V1" and info.labels == sorted(LABELS.strip().split("\n"))
    found = {name: (r.split, r.label, len(r.frames)) for name, r in records.items()}
    assert found == {
        "34870": ("train", "Swiping Left", 4),
        "56557": ("train", "Turning Hand Clockwise", 5),
        "9223": ("val", "Doing other things", 6),
    }
    assert records["9223"].context["image/frame_rate"] == 12
    counts = info.splits["train"]
    assert (counts["found"], counts["missing"], counts["published"]) == (2, 1, 118_562)
    assert info.splits["val"]["published"] == 14_787
    mapping = FlipRule.of(info).label_map
    assert info.labels[mapping[info.labels.index("Swiping Left")]] == "Swiping Right"


def test_lines_that_break_a_rule_are_named(downloads):
    (downloads[1] / "jester-v1-train.csv").write_text("34870;Swiping left\n")
    with pytest.raises(DataError, match=r"Did you mean 'Swiping Left'.*v1-train\.csv, line 1"):
        Jester().list_clips(*downloads)
