"""Clips forward and backward: the same pictures, in lists that `prepare` reads."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.both_directions import write_clips, write_lists
from benchmarks.directions import right_directions
from gsf_tf import data
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
    listing = data.split_for_validation(data.list_video_folder(folder / "videos"), 0.5)
    settings = data.RecordSettings(max_frames=6)
    times = []
    for _ in range(2):
        left_out = write_clips(listing.clips, folder / "out/clips", settings, 1, cli.console())
        assert [error.path for error in left_out] == [str(folder / "videos/walk/broken.mp4")]
        times.append([file.stat().st_mtime_ns for file in sorted(folder.glob("out/clips/*/*/*/*"))])
    assert times[0] == times[1] and len(times[0]) == 4 * 2 * 6
    write_lists(listing, folder / "out", {error.path for error in left_out})
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
