import numpy as np
import pytest
from PIL import Image

from gsf_tf.data import VideoError, frames_to_clip
from gsf_tf.data.video.clip_reader import check_clip, open_clip, read_sampled_frames
from tests.data.video_maker import frame_numbers, make_frames, make_video, numbered_frame


def test_all_kinds_are_sampled_alike(tmp_path):
    video = make_video(tmp_path / "a.mp4", 12)
    frames = make_frames(tmp_path / "frames", 12)
    for path in (video, frames):
        check_clip(path)
        found = read_sampled_frames(path, lambda num_frames: [num_frames - 1, 0, 5], 32)
        assert found.shape == (3, 32, 48, 3)
        assert frame_numbers(found).tolist() == [11, 0, 5]
    assert open_clip(video)[:3] == (12, 10.0, 0)
    assert open_clip(frames)[:3] == (12, 0.0, 1) and open_clip(frames, 12.0)[1] == 12.0
    clips = [frames_to_clip(path, 4, (64, 64)) for path in (video, frames)]
    assert np.abs(clips[0].astype(int) - clips[1]).mean() < 2


def test_an_image_is_a_clip_of_one_frame(tmp_path):
    Image.fromarray(numbered_frame(3, 64, 96)).save(tmp_path / "a.png")
    check_clip(tmp_path / "a.png")
    assert open_clip(tmp_path / "a.png")[:3] == (1, 0.0, 0)
    found = read_sampled_frames(tmp_path / "a.png", lambda num_frames: [num_frames - 1] * 2)
    np.testing.assert_array_equal(found, [numbered_frame(3, 64, 96)] * 2)


@pytest.mark.parametrize("read", [check_clip, lambda path: read_sampled_frames(path, lambda n: [])])
def test_what_is_no_clip(tmp_path, read):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").touch()
    make_frames(tmp_path / "gap")
    (tmp_path / "gap/00003.jpg").unlink()
    for name, message in [("empty", "holds no frame"), ("a.png", "neither a JPEG nor a PNG"),
                          ("gap", "missing: 3 "), ("b.png", "the file does not exist"),
                          ("c", "the file does not exist")]:  # fmt: skip
        with pytest.raises(VideoError, match=message):
            read(tmp_path / name)
