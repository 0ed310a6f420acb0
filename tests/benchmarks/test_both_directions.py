"""Clips forward and backward: the same pictures, in lists that `prepare` reads."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.clips_both_ways import check_names, check_settings, write_clips, write_lists
from benchmarks.directions import right_directions
from gsf_tf import data
from gsf_tf.errors import DataError
from gsf_tf.evaluation.scores import Scores
from gsf_tf.tasks import ACTION
from tests.data.video_maker import frame_numbers, make_video
from trainers import cli


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two classes, one of whose clips is damaged. The second call finds the clips of the first."""
    folder = tmp_path_factory.mktemp("both")
    for name in ("walk/a", "walk/b", "sit down/a", "sit down/b"):
        make_video(folder / "videos" / f"{name}.mp4")
    (folder / "videos/walk/broken.mp4").write_bytes(b"no video")
    make_video(folder / "videos/walk/still.mp4", num_frames=1)
    listing = data.split_for_validation(data.list_video_folder(folder / "videos"), 0.5)
    check_names(listing)
    settings = data.RecordSettings(max_frames=6)
    times = []
    for _ in range(2):
        check_settings(folder / "out", settings)
        left_out = write_clips(listing.clips, folder / "out", settings, 1, cli.console())
        assert sorted(left_out) == ["walk/broken.mp4", "walk/still.mp4"]
        assert "one frame" in str(left_out["walk/still.mp4"])
        times.append([file.stat().st_mtime_ns for file in sorted(folder.glob("out/clips/*/*/*/*"))])
    assert times[0] == times[1] and len(times[0]) == 4 * 2 * 6
    write_lists(listing, folder / "out", left_out)
    return folder / "out"


def test_backward_has_the_same_files_in_the_other_order(both):
    clips = sorted(path.parent for path in both.glob("clips/*/*/forward"))
    assert len(clips) == 4
    for clip in clips:
        forward, backward = (
            [file.read_bytes() for file in sorted((clip / direction).iterdir())]
            for direction in ("forward", "backward")
        )
        assert len(forward) == 6 and backward == forward[::-1]


def test_other_settings_are_an_error(both):
    with pytest.raises(DataError, match="Received: short_side=128, max_frames=6"):
        check_settings(both, data.RecordSettings(short_side=128, max_frames=6))


@pytest.mark.parametrize(
    ("path", "classes", "message"),
    [
        ("/a/b.mp4", ["walk"], "below the folder of the videos"),
        ("../b.mp4", ["walk"], "below the folder of the videos"),
        ("a/../../b.mp4", ["walk"], "below the folder of the videos"),
        ("a\tb.mp4", ["walk"], "no tab"),
        ('"a.mp4', ["walk"], "no quote"),
        ("a.mp4 ", ["walk"], "no space"),
        ("a.mp4", ["walk", "walk_backward"], "must not be those of others"),
    ],
)
def test_names_that_a_list_or_folder_cannot_hold(path, classes, message):
    clips = (data.ClipSource(path, path, 0, "train"),)
    with pytest.raises(DataError, match=message):
        check_names(data.ClipListing(clips, data.LabelMap(classes)))


def test_the_lists_have_both_in_the_same_split(both):
    listing = data.list_annotated_videos(
        both / "clips",
        both / "train.txt",
        val_annotations=both / "val.txt",
        labels=data.LabelMap.load(both / "labels.txt"),
    )
    assert list(listing.labels) == ["sit down", "sit down_backward", "walk", "walk_backward"]
    for split, clips in listing.by_split().items():
        assert len(clips) == 4, split
        assert {clip.label for clip in clips} == {0, 1, 2, 3}
    splits = {}
    for clip in listing.clips:
        name, direction = clip.data_path.rsplit("/", 1)
        splits.setdefault(name, set()).add(clip.split)
        assert (direction == "backward") == (clip.label % 2 == 1)
    assert all(len(names) == 1 for names in splits.values())


def test_the_frames_run_backward(both):
    (clip, *_) = sorted(both.glob("clips/walk/*/backward"))
    numbers = frame_numbers([np.asarray(Image.open(file)) for file in sorted(clip.iterdir())])
    assert (np.diff(numbers) < 0).all()


def test_the_direction_is_judged_between_the_two_classes_of_a_pair():
    """The third class has the largest logit everywhere, and does not count."""
    logits = np.array([[3, 1, 9], [1, 3, 9], [1, 3, 9], [0, 1, 9]], "float32")
    scores = Scores(
        ids=[str(i) for i in range(4)],
        logits={ACTION: logits},
        labels={ACTION: np.array([0, 0, 1, 2], "int32")},
        class_names={ACTION: ["walk", "walk_backward", "sit"]},
    )
    assert right_directions(scores) == {"walk": pytest.approx(2 / 3)}
