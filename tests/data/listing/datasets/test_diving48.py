import json

import pytest

from gsf_tf.data import DataError
from gsf_tf.data.listing.datasets import Diving48
from tests.data.record_reader import prepare
from tests.data.video_maker import make_video

VOCABULARY = [
    ["Back", "15som", "05Twis", "FREE"],
    ["Back", "15som", "NoTwis", "PIKE"],
    ["Inward", "25som", "NoTwis", "TUCK"],
]


def entries(*labels):
    return json.dumps(
        [
            {"vid_name": name, "label": label, "start_frame": 0, "end_frame": 90}
            for name, label in labels
        ]
    )


@pytest.fixture
def downloads(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    first, second, third = "-mwTGAvTq0s_00001", "_8Vy3dlHg2w_00000", "0TKjj2PzAAU_00012"
    (lists / "Diving48_vocab.json").write_text(json.dumps(VOCABULARY))
    (lists / "Diving48_V2_train.json").write_text(entries((first, 2), (second, 1)))
    (lists / "Diving48_V2_test.json").write_text(entries((third, 0)))
    (lists / "Diving48_train.json").write_text(entries((first, 0), (third, 1)))
    (lists / "Diving48_test.json").write_text(entries((second, 2)))
    for number, name in enumerate((first, second, third)):
        make_video(tmp_path / "rgb" / f"{name}.mp4", 4 + number)
    return tmp_path / "rgb", lists


@pytest.mark.parametrize(
    "variant, source, train, test",
    [
        (None, "Diving48 V2", {"-mwTGAvTq0s_00001.mp4": 2, "_8Vy3dlHg2w_00000.mp4": 1},
         {"0TKjj2PzAAU_00012.mp4": 0}),
        ("V1", "Diving48 V1", {"-mwTGAvTq0s_00001.mp4": 0, "0TKjj2PzAAU_00012.mp4": 1},
         {"_8Vy3dlHg2w_00000.mp4": 2}),
    ],
)  # fmt: skip
def test_from_the_download_to_records(downloads, tmp_path, variant, source, train, test):
    listing = Diving48().list_clips(*downloads, variant)
    info, records = prepare(listing, tmp_path / "records")
    assert info.source == source
    assert info.labels[1] == "Back 15som NoTwis PIKE"
    for split, labels in (("train", train), ("val", test)):
        assert labels == {
            name: record.context["clip/label/index"]
            for name, record in records.items()
            if record.split == split
        }
    assert records["0TKjj2PzAAU_00012.mp4"].numbers == list(range(6))
    published = {name: split["published"] for name, split in info.splits.items()}
    assert sum(published.values()) == {"Diving48 V2": 16_997, "Diving48 V1": 18_404}[source]


def test_a_label_outside_the_vocabulary_is_named(downloads):
    (downloads[1] / "Diving48_V2_test.json").write_text(entries(("a", 0), ("b", 3)))
    with pytest.raises(DataError, match=r"0\.\.2.*Received: 3 at .*V2_test\.json, entry 2"):
        Diving48().list_clips(*downloads)
    with pytest.raises(DataError, match=r"must be one of V2, V1. Received: split='V3'"):
        Diving48().list_clips(*downloads, "V3")
