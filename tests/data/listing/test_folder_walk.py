import os

import pytest

from gsf_tf.data import DataError, list_video_folder, split_for_validation
from gsf_tf.data.listing.datasets import Kinetics400
from gsf_tf.data.listing.datasets.file_index import FileIndex
from gsf_tf.data.listing.folder_walk import FolderWalk
from tests.data.listing.test_video_folder import touch


def names(listing):
    return [clip.data_path for clip in listing.clips]


@pytest.mark.parametrize("target", ["..", ".", "../..", "../b", "../../videos"])
def test_a_link_to_what_is_listed_adds_nothing(tmp_path, target):
    videos = touch(tmp_path / "videos", "a/1.mp4", "a/2.mp4", "b/3.mp4", "b/deep/4.mp4")
    touch(tmp_path, "other/5.mp4")
    before = list_video_folder(videos)
    (videos / "a/link").symlink_to(target)
    listing = list_video_folder(videos)
    assert listing.clips == before.clips and len(listing.clips) == 4
    assert len(listing.notes) == 1 and "link `a/link` is left out" in listing.notes[0]
    split_for_validation(listing, 0.2)


def test_a_link_in_the_place_of_a_class_adds_nothing(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4")
    (tmp_path / "0").symlink_to("a")
    (tmp_path / "up").symlink_to("..")
    listing = list_video_folder(tmp_path)
    assert names(listing) == ["a/1.mp4", "b/2.mp4"] and list(listing.labels) == ["a", "b"]
    assert ["`0`" in note or "`up`" in note for note in listing.notes] == [True, True]


def test_validation_clips_are_no_training_clips_by_a_link(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/2.mp4", "val/a/3.mp4", "val/b/4.mp4")
    (tmp_path / "train/a/more").symlink_to(tmp_path / "val/a")
    (tmp_path / "train/a/5.mp4").symlink_to(tmp_path / "val/b/4.mp4")
    listing = list_video_folder(tmp_path)
    assert names(listing) == ["train/a/1.mp4", "train/b/2.mp4", "val/a/3.mp4", "val/b/4.mp4"]
    assert "`train/a/more`" in "".join(listing.notes) and "`train/a/5.mp4`" in "".join(
        listing.notes
    )


def test_folders_elsewhere_are_entered_once(tmp_path):
    touch(tmp_path / "pool", "x/1.mp4", "x/2.mp4", "y/3.mp4", "y/loop.txt")
    (tmp_path / "pool/y/back").symlink_to(tmp_path / "pool")
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "a").symlink_to(tmp_path / "pool/x")
    (videos / "b").symlink_to(tmp_path / "pool/y")
    (videos / "b2").symlink_to(tmp_path / "pool/y")
    listing = list_video_folder(videos)
    assert names(listing) == ["a/1.mp4", "a/2.mp4", "b/3.mp4"]
    assert listing.clips[0].path == str(videos / "a/1.mp4")
    assert [note.split("`")[1] for note in listing.notes] == ["b2", "b/back"]
    (videos / "b2").unlink()
    (videos / "c").symlink_to(tmp_path)
    walk = FolderWalk(videos)
    assert sorted(sum(walk.folders.values(), [])) == ["1.mp4", "2.mp4", "3.mp4", "loop.txt"]


def test_links_to_files_and_hard_links(tmp_path):
    touch(tmp_path, "pool/1.mp4", "v/a/2.mp4", "v/b/3.mp4")
    (tmp_path / "v/a/1.mp4").symlink_to(tmp_path / "pool/1.mp4")
    (tmp_path / "v/b/1.mp4").symlink_to(tmp_path / "pool/1.mp4")
    (tmp_path / "v/b/broken.mp4").symlink_to(tmp_path / "none.mp4")
    os.link(tmp_path / "v/a/2.mp4", tmp_path / "v/a/hard.mp4")
    listing = list_video_folder(tmp_path / "v")
    assert names(listing) == ["a/1.mp4", "a/2.mp4", "a/hard.mp4", "b/3.mp4", "b/broken.mp4"]
    assert listing.notes == (
        "The link `b/1.mp4` is left out: it is the same as `a/1.mp4`, which is listed",
    )


def test_links_to_themselves(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4")
    (tmp_path / "a/self").symlink_to("self")
    (tmp_path / "a/there").symlink_to(tmp_path / "b/back")
    (tmp_path / "b/back").symlink_to(tmp_path / "a/there")
    listing = list_video_folder(tmp_path)
    assert names(listing) == ["a/1.mp4", "b/2.mp4"] and listing.ignored == {"no extension": 3}


def test_the_index_of_files_walks_once(tmp_path):
    touch(tmp_path, "train/x_1.mp4", "val/x_2.mp4")
    (tmp_path / "train/again").symlink_to("..")
    (tmp_path / "all").symlink_to("val")
    index = FileIndex(tmp_path)
    assert index.find("x_1.mp4") == "train/x_1.mp4" and index.find("x_2.mp4") == "val/x_2.mp4"
    touch(tmp_path, "val/deep/x_1.webm")
    with pytest.raises(DataError, match="one file"):
        FileIndex(tmp_path).find("x_1.mp4")


def test_notes_are_text_whatever_the_names_are(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/2.mp4", "val/a/3.mp4")
    os.mkdir(os.fsencode(tmp_path) + b"/empty\xff")
    os.close(os.open(os.fsencode(tmp_path) + b"/val/loose\xe9.mp4", os.O_CREAT))
    notes = "\n".join(list_video_folder(tmp_path).notes)
    notes.encode()
    assert "`empty\\udcff` is left out: it holds no clips" in notes
    assert "such as `loose\\udce9.mp4`" in notes


def test_links_that_an_official_dataset_leaves_out_are_named(tmp_path):
    lists = tmp_path / "lists"
    touch(tmp_path, "lists/train.csv", "lists/validate.csv")
    header = "label,youtube_id,time_start,time_end,split\n"
    (lists / "train.csv").write_text(f"{header}up,x1,0,10,train\n")
    (lists / "validate.csv").write_text(f"{header}up,x2,0,10,val\n")
    videos = tmp_path / "videos"
    touch(videos, "train/x1_000000_000010.mp4", "val/x2_000000_000010.mp4")
    (videos / "train/again").symlink_to("..")
    listing = Kinetics400().list_clips(videos, lists)
    assert names(listing) == ["train/x1_000000_000010.mp4", "val/x2_000000_000010.mp4"]
    assert listing.notes == (
        "The link `train/again` is left out: it leads to a folder that it is in",
    )


def test_records_inside_the_folder_are_no_class(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4")
    before = list_video_folder(tmp_path)
    for mark in ("dataset_info.json", "in_progress.json"):
        touch(tmp_path, f"records/{mark}", "records/train-00000-of-00001.tfrecord")
        listing = list_video_folder(tmp_path)
        assert listing.clips == before.clips and listing.fingerprint() == before.fingerprint()
        assert "`records` is left out: it holds records" in listing.notes[0]
        (tmp_path / "records" / mark).unlink()
    with pytest.raises(DataError, match="`records`. Add clips, or move the folders elsewhere"):
        list_video_folder(tmp_path)


def forbid(monkeypatch, *paths):
    """Makes folders unreadable, for the superuser of a container too."""
    scandir = os.scandir

    def ask(path):
        if str(path) in map(str, paths):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", ask)


@pytest.mark.parametrize("name", ["a", "a/deep", "a/deep/er", ""])
def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, name):
    touch(tmp_path, "a/1.mp4", "a/deep/er/2.mp4", "b/3.mp4")
    forbid(monkeypatch, tmp_path / name)
    message = f"1 folder that cannot be read: `{name or '.'}` .Permission denied.*permissions"
    for find in (list_video_folder, FileIndex):
        with pytest.raises(DataError, match=message):
            find(tmp_path)


def test_folders_that_cannot_be_looked_into(tmp_path, monkeypatch):
    """The names in a folder may be readable where what they name is not."""
    touch(tmp_path, "a/1.mp4", "a/c/2.mp4", "b/3.mp4", "pool/x/4.mp4", "pool/5.mp4")
    (tmp_path / "b/more").symlink_to(tmp_path / "pool/x")
    (tmp_path / "b/5.mp4").symlink_to(tmp_path / "pool/5.mp4")
    (tmp_path / "pool").rename(tmp_path.parent / f"{tmp_path.name} pool")
    for name, target in (("more", "x"), ("5.mp4", "5.mp4")):
        (tmp_path / "b" / name).unlink()
        (tmp_path / "b" / name).symlink_to(tmp_path.parent / f"{tmp_path.name} pool" / target)
    stat = os.stat

    def ask(path, **options):
        if str(path) in map(str, [tmp_path / "a/c", tmp_path / "b/more", tmp_path / "b/5.mp4"]):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", ask)
    with pytest.raises(DataError, match="2 folders that cannot be read") as error:
        list_video_folder(tmp_path)
    assert "`a/c`" in str(error.value) and "`b/more`" in str(error.value)
    assert "5.mp4" not in str(error.value)  # A clip, which is quarantined.


def test_what_file_systems_make_is_left_out(tmp_path, monkeypatch):
    touch(tmp_path, "train/a/1.mp4", "train/b/2.mp4", "val/a/3.mp4", "lost+found/x")
    forbid(monkeypatch, tmp_path / "lost+found")
    listing = list_video_folder(tmp_path)
    assert len(listing.clips) == 3
    assert "`lost+found` is left out: Permission denied" in listing.notes
