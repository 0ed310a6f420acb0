import pytest

from gsf_tf.data import DataError, list_video_folder
from tests.data.listing.test_video_folder import touch


@pytest.mark.parametrize(
    "train, val, test",
    [
        ("train", "valid", "test"),
        ("Train", "Validation", "Test"),
        ("TRAINING", "VAL", "TESTING"),
        ("training", "dev", "testing"),
        ("train", "Eval", "Testing"),
        ("Training", "DEV", None),
    ],
)
def test_names_of_splits(tmp_path, train, val, test):
    touch(tmp_path, f"{train}/a/1.mp4", f"{train}/b/2.mp4", f"{val}/a/3.mp4", f"{val}/b/4.mp4")
    if test:
        touch(tmp_path, f"{test}/b/5.mp4")
    listing = list_video_folder(tmp_path)
    assert list(listing.labels) == ["a", "b"]
    counts = {split: len(clips) for split, clips in listing.by_split().items()}
    assert counts == {"train": 2, "val": 2} | ({"test": 1} if test else {})
    named = f"`{train}` is train, `{val}` is val" + (f", `{test}` is test" if test else "")
    assert listing.notes == (f"The folders are splits: {named}",)


def test_a_test_folder_is_no_validation_part(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/2.mp4", "Test/a/3.mp4")
    listing = list_video_folder(tmp_path)
    assert set(listing.by_split()) == {"train", "test"}
    assert "no validation part" in listing.notes[1] and "`Test`" in listing.notes[1]


def test_folders_without_clips_lie_beside_splits(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/2.mp4", "valid/a/3.mp4", "valid/4.mp4")
    touch(tmp_path, "annotations/deep/x.json", "runs/dataset_info.json")
    listing = list_video_folder(tmp_path)
    assert set(listing.by_split()) == {"train", "val"}
    assert "`annotations` is left out" in listing.notes[1]
    assert "`runs` is left out" in listing.notes[2]
    assert "1 clips directly in" in listing.notes[3] and "`4.mp4`" in listing.notes[3]


@pytest.mark.parametrize(
    "folders, message",
    [
        (["train", "Train", "val"], "one training part.*`Train` and `train`"),
        (["train", "valid", "dev"], "one validation part.*`dev` and `valid`"),
        (["train", "Test", "testing"], "one test part"),
        (["val", "test"], "must include one for training.*no train folder"),
        (["train", "val", "more"], "no other folders.*`train`, `val` and `more` beside them"),
        (["fold1", "fold2", "fold3"], "look like splits.*`fold1`.*`a`, `b`.*train or training"),
        (["train", "holdout"], "look like splits"),
        (["Apprentissage", "Essai"], "look like splits"),
    ],
)
@pytest.mark.parametrize("clip", ["1.mp4", "1.jpg", "x/00001.jpg"])
def test_folders_that_look_like_splits(tmp_path, folders, message, clip):
    touch(tmp_path, *(f"{folder}/{name}/{clip}" for folder in folders for name in "ab"))
    with pytest.raises(DataError, match=message):
        list_video_folder(tmp_path)


def test_a_part_without_class_folders(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/2.mp4", "val/3.mp4")
    with pytest.raises(DataError, match="validation part must have at least one clip.*val'"):
        list_video_folder(tmp_path)
    (tmp_path / "val").rename(tmp_path / "test")
    listing = list_video_folder(tmp_path)
    assert set(listing.by_split()) == {"train"}
    assert "1 clips directly in" in listing.notes[-1] and "test'" in listing.notes[-1]


def test_one_common_folder_does_not_look_like_splits(tmp_path):
    touch(tmp_path, "a/videos/1.mp4", "b/videos/2.mp4")
    assert list(list_video_folder(tmp_path).labels) == ["a", "b"]
