import pytest

from gsf_tf.data import DataError, list_video_folder, split_for_validation


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_folder_per_class(tmp_path):
    touch(tmp_path, "up/b.mp4", "up/a.MOV", "up/deep/er/c.avi", "down it/a b.webm")
    touch(tmp_path, "up/.hidden.mp4", ".git/x.mp4", "up/.cache/x.mp4", "Thumbs.db")
    touch(tmp_path, "up/notes.txt", "down it/README", "down it/x.TXT")
    listing = list_video_folder(tmp_path)
    assert list(listing.labels) == ["down it", "up"]
    assert [(clip.data_path, clip.label, clip.split) for clip in listing.clips] == [
        ("down it/a b.webm", 0, None),
        ("up/a.MOV", 1, None),
        ("up/b.mp4", 1, None),
        ("up/deep/er/c.avi", 1, None),
    ]
    assert listing.clips[0].path == str(tmp_path / "down it" / "a b.webm")
    assert listing.ignored == {".txt": 2, "no extension": 1}


def test_train_and_validation_folders(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/1.mp4", "validation/b/2.mp4", "test/a/3.mp4")
    listing = list_video_folder(tmp_path)
    found = {(clip.data_path, clip.label, clip.split) for clip in listing.clips}
    assert found == {
        ("train/a/1.mp4", 0, "train"),
        ("train/b/1.mp4", 1, "train"),
        ("validation/b/2.mp4", 1, "val"),
        ("test/a/3.mp4", 0, "test"),
    }
    assert list(listing.by_split())[0] == "train"


def test_train_may_be_a_class(tmp_path):
    touch(tmp_path, "train/1.mp4", "val/1.mp4")
    assert list(list_video_folder(tmp_path).labels) == ["train", "val"]
    touch(tmp_path, "other/1.mp4")
    assert list(list_video_folder(tmp_path).labels) == ["other", "train", "val"]


def test_train_alone_is_the_whole(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/1.mp4")
    listing = list_video_folder(tmp_path)
    assert [clip.split for clip in listing.clips] == [None, None]
    assert listing.clips[0].data_path == "train/a/1.mp4"


def test_images_are_clips(tmp_path):
    touch(tmp_path, "train/a/x.JPEG", "train/a/00001.jpg", "train/b/1.png", "val/b/2.jpg")
    touch(tmp_path, "train/a/x.webp", "val/.hidden/x.jpg")
    listing = list_video_folder(tmp_path)
    assert listing.kind == "images" and listing.ignored == {".webp": 1}
    assert [(clip.data_path, clip.label, clip.split) for clip in listing.clips] == [
        ("train/a/00001.jpg", 0, "train"),
        ("train/a/x.JPEG", 0, "train"),
        ("train/b/1.png", 1, "train"),
        ("val/b/2.jpg", 1, "val"),
    ]


def test_folders_of_frames_are_clips(tmp_path):
    touch(tmp_path, "a/one/00001.jpg", "a/one/00002.jpg", "a/deep/er/0.JPG", "b/two/1.jpeg")
    touch(tmp_path, "b/two/Thumbs.db")
    listing = list_video_folder(tmp_path, 12.0)
    assert listing.kind == "folders of frames" and listing.ignored == {".db": 1}
    assert [(clip.data_path, clip.label, clip.frame_rate) for clip in listing.clips] == [
        ("a/deep/er", 0, 12.0),
        ("a/one", 0, 12.0),
        ("b/two", 1, 12.0),
    ]
    assert list_video_folder(tmp_path).clips[0].frame_rate is None
    with pytest.raises(
        DataError, match="above 0.*Received: frame_rate=0 for the folders of frames"
    ):
        list_video_folder(tmp_path, 0)


def test_a_frame_rate_is_for_folders_of_frames(tmp_path):
    with pytest.raises(DataError, match="Received: frame_rate=12.0 for the videos"):
        list_video_folder(touch(tmp_path, "a/1.mp4", "b/1.mp4"), 12.0)


@pytest.mark.parametrize(
    "files, message",
    [
        (["a.png", "b.mp4"], "holds 1 videos and 1 images and no folder"),
        (["a/1.mp4", "b/2.jpg"], r"one kind.*videos \(`.*a/1.mp4`\), images \(`.*b/2.jpg`\)"),
        (["a/1.jpg", "b/x/1.jpg"], r"images \(`.*a/1.jpg`\), folders of frames \(`.*b/x`\)"),
        (["a/x/1.jpg", "b/x/1.mp4"], r"folders of frames \(`.*a/x`\), videos"),
        (["a/x/1.jpg", "a/x/cover.jpg", "b/x/1.jpg"], "Received: '.*a/x/cover.jpg', an image that"),
        (["a/x/1.png", "b/x/1.png"], "Received: '.*a/x/1.png', an image that"),
        (["x.txt"], "holds no folder"),
        (["a.mp4", "b.mp4"], "holds 2 videos and no folder"),
        (["a/1.mp4", "empty/x.txt", "void/.keep"], "2 of 3 class folders.*`empty`, `void`"),
        (["a/1.mp4"], "two classes.*`a`"),
        (["train/a/1.mp4", "train/b/x", "val/a/2.mp4"], "1 of 2 class folders.*`b`"),
        (["train/a/1.mp4", "train/b/1.mp4", "val/c/2.mp4"], "only in other.*`c`"),
        (["train/a/1.mp4", "val/a/1.mp4", "validation/a/1.mp4"], "one validation part"),
    ],
)
def test_layouts_that_break_a_rule(tmp_path, files, message):
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=message):
        list_video_folder(tmp_path)


def test_missing_and_empty(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        list_video_folder(tmp_path / "none")
    with pytest.raises(DataError, match="holds no folder"):
        list_video_folder(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is not a folder"):
        list_video_folder(tmp_path / "file")


def test_validation_split_is_stable_and_per_class(tmp_path):
    touch(tmp_path, *(f"{name}/{i}.mp4" for name in "ab" for i in range(100)))
    touch(tmp_path, "two/1.mp4", "two/2.mp4", "one/1.mp4")
    split = split_for_validation(list_video_folder(tmp_path), 0.2, seed=3)
    sides = {clip.data_path: clip.split for clip in split.clips}
    for name in "ab":
        held_back = sum(sides[f"{name}/{i}.mp4"] == "val" for i in range(100))
        assert 8 <= held_back <= 35
    assert sorted([sides["two/1.mp4"], sides["two/2.mp4"]]) == ["train", "val"]
    assert sides["one/1.mp4"] == "train"
    touch(tmp_path, *(f"a/new{i}.mp4" for i in range(100)))
    more = split_for_validation(list_video_folder(tmp_path), 0.2, seed=3)
    assert {c.data_path: c.split for c in more.clips if c.data_path in sides} == sides
    other = split_for_validation(list_video_folder(tmp_path), 0.2, seed=4)
    assert {c.data_path: c.split for c in other.clips if c.data_path in sides} != sides


def test_validation_split_limits(tmp_path):
    touch(tmp_path, "a/1.mp4", "a/2.mp4", "b/1.mp4")
    listing = list_video_folder(tmp_path)
    assert {clip.split for clip in split_for_validation(listing, 0.0).clips} == {"train"}
    for fraction in (-0.1, 1.0):
        with pytest.raises(DataError, match="`val_fraction`.*Received: val_fraction="):
            split_for_validation(listing, fraction)
    with pytest.raises(DataError, match="has no splits. Received: splits=\\['"):
        split_for_validation(split_for_validation(listing, 0.2), 0.2)


def test_fingerprint_follows_the_clips(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/1.mp4")
    listing = list_video_folder(tmp_path)
    before = listing.fingerprint()
    assert list_video_folder(tmp_path).fingerprint() == before
    (tmp_path / "a/1.mp4").write_text("longer")
    changed = list_video_folder(tmp_path).fingerprint()
    assert listing.fingerprint() == before
    touch(tmp_path, "a/2.mp4")
    assert len({before, changed, list_video_folder(tmp_path).fingerprint()}) == 3
