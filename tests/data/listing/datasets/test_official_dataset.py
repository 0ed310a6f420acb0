import pytest

from gsf_tf.data import DataError
from gsf_tf.data.listing.datasets import OFFICIAL_DATASETS, Hmdb51, SomethingV1


@pytest.mark.parametrize("name", OFFICIAL_DATASETS)
def test_missing_folders_and_annotations_are_named(tmp_path, name):
    dataset = OFFICIAL_DATASETS[name]
    assert dataset.name == name
    with pytest.raises(DataError, match=f"`videos` of {name} must be a folder"):
        dataset.list_clips(tmp_path / "none", tmp_path)
    with pytest.raises(DataError, match=f"`annotations` of {name} must be a folder"):
        dataset.list_clips(tmp_path, tmp_path / "none")
    with pytest.raises(DataError, match="`annotations` must be a folder"):
        dataset.list_clips(tmp_path, tmp_path)
    with pytest.raises(DataError, match=f"`split` of {name} must be .*Received: split='other'"):
        dataset.list_clips(tmp_path, tmp_path, "other")


def hmdb51(folder, **lists):
    (folder / "videos/a").mkdir(parents=True)
    (folder / "lists").mkdir()
    for name, text in lists.items():
        (folder / "lists" / f"{name}_test_split1.txt").write_text(text)
    return folder / "videos", folder / "lists"


def test_no_clip_of_a_split_is_an_error_with_an_example(tmp_path):
    folders = hmdb51(tmp_path, a="1.avi 1 \n2.avi 2 \n", b="3.avi 2 \n")
    (folders[0] / "a/1.avi").touch()
    with pytest.raises(DataError, match="none of the 2 clips for `val`, such as `a/2.avi`"):
        Hmdb51().list_clips(*folders)


def test_lists_without_a_clip_are_an_error(tmp_path):
    with pytest.raises(DataError, match="must list clips"):
        Hmdb51().list_clips(*hmdb51(tmp_path, a="1.avi 0 \n"))


def test_a_clip_listed_twice_counts_once_or_is_an_error(tmp_path):
    folders = hmdb51(tmp_path, a="1.avi 1 \n2.avi 2 \n1.avi 1 \n")
    for name in "12":
        (folders[0] / f"a/{name}.avi").touch()
    assert len(Hmdb51().list_clips(*folders).clips) == 2
    (folders[1] / "a_test_split1.txt").write_text("1.avi 1 \n2.avi 2 \n1.avi 2 \n")
    with pytest.raises(DataError, match=r"two for 'a/1.avi', at .*line 1 and at .*line 3"):
        Hmdb51().list_clips(*folders)


def test_fingerprint_follows_what_is_there(tmp_path):
    folders = hmdb51(tmp_path, a="1.avi 1 \n2.avi 2 \n3.avi 1 \n")
    for name in "12":
        (folders[0] / f"a/{name}.avi").touch()
    before = Hmdb51().list_clips(*folders).fingerprint()
    assert Hmdb51().list_clips(*folders).fingerprint() == before
    (folders[0] / "a/3.avi").touch()
    assert Hmdb51().list_clips(*folders).fingerprint() != before


def test_half_a_left_right_pair_is_an_error(tmp_path):
    (tmp_path / "1").mkdir()
    labels = "Holding something\nPushing something from left to right\n"
    (tmp_path / "something-something-v1-labels.csv").write_text(labels)
    for name in ("train", "validation"):
        clips = tmp_path / f"something-something-v1-{name}.csv"
        clips.write_text(f"{name == 'train':d};Holding something\n")
    (tmp_path / "0").mkdir()
    with pytest.raises(DataError, match="only one of .*'Pushing something from left to right'"):
        SomethingV1().list_clips(tmp_path, tmp_path)
