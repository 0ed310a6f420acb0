import json
import pathlib

import numpy as np
import pytest

from gsf_tf.data import DataError, FlipRule
from gsf_tf.data.listing.datasets import SomethingV2
from tests.data.record_reader import prepare
from tests.data.video_maker import make_video

# The names of labels.json, which test_original_files.py compares with the original.
LABELS = pathlib.Path(__file__).with_name("something_v2_labels.txt").read_text().splitlines()


def entry(clip, template, label="anything"):
    placeholders = ["a cup", "a box"][: template.count("[")]
    return {"id": clip, "label": label, "template": template, "placeholders": placeholders}


@pytest.fixture
def downloads(tmp_path):
    lists = tmp_path / "labels"
    lists.mkdir()
    indices = {name: str(index) for index, name in enumerate(LABELS)}
    (lists / "labels.json").write_text(json.dumps(indices))
    training = [
        entry("78687", "Holding [something] next to [something]"),
        entry("42326", "Pretending to put [something] on a surface"),
        entry("5", "Showing [something] to the camera"),
    ]
    (lists / "train.json").write_text(json.dumps(training))
    validation = [entry("10", "Pushing [something] from right to left")]
    (lists / "validation.json").write_text(json.dumps(validation))
    for number, name in enumerate(("78687", "42326", "10")):
        make_video(tmp_path / "videos" / f"{name}.webm", 6 + number, frame_rate=12)
    return tmp_path / "videos", lists


def test_from_the_download_to_records(downloads, tmp_path):
    info, records = prepare(SomethingV2().list_clips(*downloads), tmp_path / "records")
    assert info.labels == LABELS and len(LABELS) == 174
    found = {name: (r.split, r.context["clip/label/index"], r.label) for name, r in records.items()}
    assert found == {
        "78687.webm": ("train", 19, "Holding something next to something"),
        "42326.webm": ("train", 74, "Pretending to put something on a surface"),
        "10.webm": ("val", 94, "Pushing something from right to left"),
    }
    assert records["42326.webm"].numbers == list(range(7))
    assert records["10.webm"].context["image/frame_rate"] == pytest.approx(12)
    counts = info.splits["train"]
    assert (counts["found"], counts["missing"], counts["published"]) == (2, 1, 168_913)
    assert info.source == "Something-Something V2"


def test_mirroring_swaps_the_pairs_of_the_authors_code(downloads, tmp_path):
    info, _ = prepare(SomethingV2().list_clips(*downloads), tmp_path / "records")
    expected = np.arange(174)
    for first, second in ((86, 87), (93, 94), (166, 167)):
        expected[[first, second]] = second, first
    np.testing.assert_array_equal(FlipRule.of(info).label_map, expected)


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("train.json", "[{", r"must be complete JSON.*Download it again"),
        ("train.json", '{"id": 1}', "holds a dict"),
        ("train.json", '[{"id": "1"}]', r"object with id, template.*train\.json, entry 1"),
        ("train.json", '[{"id": "1", "template": "Eating"}]', r"'Eating'.*train\.json, entry 1"),
        ("labels.json", '{"a": "0", "b": "2"}', "a gap or a repetition"),
        ("labels.json", '["a", "b"]', "each class name to its index"),
    ],
)
def test_damaged_annotations_are_named(downloads, name, text, message):
    (downloads[1] / name).write_text(text)
    with pytest.raises(DataError, match=message):
        SomethingV2().list_clips(*downloads)


@pytest.mark.parametrize("index", ["Infinity", "NaN", "1e400", '"inf"'])
def test_an_index_must_be_finite(downloads, index):
    (downloads[1] / "labels.json").write_text(f'{{"a": 0, "b": {index}}}')
    with pytest.raises(DataError, match="must map each class name to its index"):
        SomethingV2().list_clips(*downloads)
