import numpy as np
import pytest

from gsf_tf.data import VideoError
from gsf_tf.data.video import video_segment
from gsf_tf.data.video.video_file import iterate_frames
from gsf_tf.data.video.video_segment import iterate_segment
from tests.data.video_maker import REAL_VIDEOS, cut, frame_numbers, make_video

# B-frames and far key frames: the cases in which seeking goes wrong.
LONG_GROUPS = {"preset": "veryfast", "g": "17", "bf": "3", "crf": "10"}


def whole(path):
    """All frames with their times from the first one's, decoded from the start."""
    frames = list(iterate_frames(path, short_side=32))
    return [frame.pixels for frame in frames], [f.seconds - frames[0].seconds for f in frames]


@pytest.mark.parametrize("extension", [".mp4", ".mkv", ".webm", ".avi", ".mov"])
def test_a_part_has_the_frames_that_lie_in_it(tmp_path, extension):
    path = make_video(tmp_path / f"a{extension}", 45, encoder_options=LONG_GROUPS)
    frames, times = whole(path)
    assert len(frames) == 45
    rng = np.random.default_rng(0)
    for start, stop in [(0, 4.5), (0, 0.1), (4.4, 4.5), *np.sort(rng.uniform(0, 4.5, (12, 2)))]:
        expected = [i for i, time in enumerate(times) if start - 1e-6 <= time < stop - 1e-6]
        if not expected:
            continue
        part = list(iterate_segment(path, start, stop, short_side=32))
        np.testing.assert_array_equal([f.pixels for f in part], [frames[i] for i in expected])
        assert [f.seconds for f in part] == pytest.approx([times[i] for i in expected], abs=2e-3)
        assert [f.index for f in part] == list(range(len(expected)))


def test_only_kept_frames_come_out(tmp_path):
    path = make_video(tmp_path / "a.mp4", 40)
    part = list(iterate_segment(path, 1, 3, keep=lambda index: index % 8 == 0))
    assert [frame.index for frame in part] == [0, 8, 16]
    assert frame_numbers([frame.pixels for frame in part]).tolist() == [10, 18, 26]


def test_decoding_begins_near_the_part(tmp_path, monkeypatch):
    path = make_video(tmp_path / "a.mp4", 300, 48, 48, encoder_options=LONG_GROUPS, noise=True)
    decoded = []
    decode = video_segment._decode

    def count(path, packets):
        for frame in decode(path, packets):
            decoded.append(frame.time)
            yield frame

    monkeypatch.setattr(video_segment, "_decode", count)
    assert len(list(iterate_segment(path, 28, 28.5))) == 5
    assert len(decoded) <= 2 * 17 + 6


@pytest.mark.parametrize(
    "start, stop, message",
    [
        (4, 5, r"from 4 s to 5 s is not complete, the video ends at 2\.00 s"),
        (1.5, 2.8, r"is not complete"),
        (1.51, 1.55, "holds no frame"),
    ],
)
def test_parts_that_are_not_there(tmp_path, start, stop, message):
    path = make_video(tmp_path / "a.mp4", 20)
    with pytest.raises(VideoError, match=message):
        list(iterate_segment(path, start, stop))


def test_an_end_that_is_rounded_up_is_no_error(tmp_path):
    path = make_video(tmp_path / "a.mp4", 20)
    assert len(list(iterate_segment(path, 1.5, 2.4))) == 5


def test_a_cut_off_video_is_an_error(tmp_path):
    path = cut(make_video(tmp_path / "a.mp4", 40, noise=True), 0.5)
    assert len(list(iterate_segment(path, 0.2, 0.6))) == 4
    with pytest.raises(VideoError, match="cut off|decoding failed|is not complete"):
        list(iterate_segment(path, 1, 3.5))


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"{REAL_VIDEOS} is not there")
@pytest.mark.parametrize("name", ["street_h264.mp4", "arm_wrestling_h264_340x256.mp4"])
def test_parts_of_real_videos(name):
    frames, times = whole(REAL_VIDEOS / name)
    for start in (0.0, times[-1] / 3, times[-1] - 0.5):
        stop = start + 0.4
        expected = [i for i, time in enumerate(times) if start - 1e-6 <= time < stop - 1e-6]
        part = list(iterate_segment(REAL_VIDEOS / name, start, stop, short_side=32))
        np.testing.assert_array_equal([f.pixels for f in part], [frames[i] for i in expected])


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"{REAL_VIDEOS} is not there")
def test_parts_of_a_real_avi_with_b_frames():
    path = REAL_VIDEOS / "xvid_320x240.avi"
    frames, times = whole(path)
    for start, stop in [(1, 2), (0, 0.5), (times[-1] - 0.3, times[-1])]:
        expected = [i for i, time in enumerate(times) if start - 1e-6 <= time < stop - 1e-6]
        part = list(iterate_segment(path, start, stop, short_side=32))
        np.testing.assert_array_equal([f.pixels for f in part], [frames[i] for i in expected])
