"""Frames of long videos, read without decoding the rest, are those of decoding everything."""

import fractions
import os

import av
import numpy as np
import pytest

from gsf_tf.data import ClipLimits, VideoError
from gsf_tf.data.video import clip_reader, frame_index, sought_frames
from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_reader import read_sampled_frames
from gsf_tf.data.video.frame_index import FrameIndex
from gsf_tf.data.video.video_file import read_frames
from tests.data.video_maker import make_video, ordinary_threads

X265 = "log-level=none:keyint=20:min-keyint=20"
# File, encoder, its options, and how many of the 100 frames can be read without most of the others.
VIDEOS = {
    "B-frames": ("a.mp4", "libx264", {"bf": "3"}, 100),
    "Matroska": ("a.mkv", "libx264", {"bf": "3"}, 100),
    "interlaced": ("a.mov", "libx264", {"x264-params": "tff=1:interlaced=1"}, 100),
    "HEVC, open groups": ("a.mp4", "libx265", {"x265-params": f"{X265}:open-gop=1"}, 100),
    "HEVC": ("a.mp4", "libx265", {"x265-params": f"{X265}:open-gop=0"}, 100),
    "VP9": ("a.webm", "libvpx-vp9", {"cpu-used": "8", "lag-in-frames": "16"}, 100),
    "AV1": ("a.mp4", "libsvtav1", {"preset": "13", "svtav1-params": "scd=0"}, 100),
    # Only the first key frame is one that nothing refers across.
    "open groups": ("a.mp4", "libx264", {"x264-params": "open-gop=1:bframes=3"}, 50),
    "no key frames": ("a.mp4", "libx264", {"x264-params": "intra-refresh=1"}, 50),
    # A packet of these may have no frame or no time of its own.
    "VP8": ("a.webm", "libvpx", {"cpu-used": "8"}, 0),
    "MPEG-4": ("a.mp4", "mpeg4", {"bf": "2"}, 0),
    "transport stream": ("a.ts", "libx264", {}, 0),
    "AVI": ("a.avi", "libx264", {"bf": "2"}, 0),
}


def encode(path, encoder, options, num_frames=100, times=None):
    """A video with a key frame for every 20; `times` are those of the frames, in 1/50 s."""
    base = np.random.default_rng(0).integers(0, 128, (64, 96, 3), np.uint8)
    with ordinary_threads(), av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=50)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.gop_size = 20
        stream.options = options
        for number in range(num_frames):
            pixels = np.roll(base, number, axis=1) + np.uint8(number % 100)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.time_base = fractions.Fraction(1, 50)
            frame.pts = number if times is None else times[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def seek(path, positions, **options):
    index = FrameIndex.read(path)
    frames = sought_frames.sought_frames(path, index, positions, **options)
    return {frame.index: frame.pixels for frame in frames}


def test_an_encoder_does_not_keep_the_processor(tmp_path):
    encode(tmp_path / "a.mp4", *VIDEOS["AV1"][1:3], num_frames=2)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.parametrize("name", VIDEOS)
def test_frames_are_those_of_decoding_everything(name, tmp_path, monkeypatch):
    file, encoder, options, reach = VIDEOS[name]
    path = encode(tmp_path / file, encoder, options)
    whole = read_frames(path)
    used = []
    real = clip_reader.sought_frames
    monkeypatch.setattr(clip_reader, "MIN_FRAMES", 1)
    monkeypatch.setattr(
        clip_reader, "sought_frames", lambda *args: (used.append(f) or f for f in real(*args))
    )
    # One in the middle of a group, the last of a group and the first of the next, the last of all.
    # Frames shown right after each other, where one may lead the key frame behind it.
    for positions in ([70, 47, 47], [0], [19, 20], [38, 39, 40], [len(whole) - 1, 3]):
        used.clear()
        found = read_sampled_frames(path, lambda count, p=positions: p)
        np.testing.assert_array_equal(found, whole[positions])
        assert bool(used) == (max(positions) < reach)


def test_frames_of_uneven_length(tmp_path):
    times = np.cumsum(np.random.default_rng(0).integers(1, 9, 100)).tolist()
    path = encode(tmp_path / "a.mp4", "libx264", {"bf": "3"}, times=times)
    whole = read_frames(path)
    for positions in ([55], [2, 99]):
        for position, pixels in seek(path, positions).items():
            np.testing.assert_array_equal(pixels, whole[position])


def test_turned_and_scaled(tmp_path):
    path = tmp_path / "a.mp4"
    make_video(path, 300, display_matrix=(0, 1, -1, 0), encoder_options={"g": "30"})
    expected = read_frames(path, [41, 200], short_side=32)
    np.testing.assert_array_equal(list(seek(path, [200, 41], short_side=32).values()), expected)


def test_the_index_knows_how_many_frames_the_rule_is_asked_for(tmp_path):
    path = encode(tmp_path / "a.mp4", "libx264", {"bf": "3"}, num_frames=301)
    asked = []
    read_sampled_frames(path, lambda count: asked.append(count) or [count - 1])
    assert asked == [301]


def test_most_of_the_video_is_decoded_whole(tmp_path):
    path = encode(tmp_path / "a.mp4", "libx264", {})
    with pytest.raises(sought_frames.OtherFrames):
        seek(path, range(10, 100, 20))


def test_damage_where_frames_are_chosen_is_found(tmp_path, monkeypatch):
    """Decoding everything then says what is wrong; elsewhere nothing has been read."""
    monkeypatch.setattr(clip_reader, "MIN_FRAMES", 1)
    path = encode(tmp_path / "a.mp4", "libx264", {"bf": "0"})
    good = read_frames(path)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    place, size = packets[50]
    data[place + 4 : place + size] = bytes(255 for _ in range(size - 4))
    path.write_bytes(data)
    np.testing.assert_array_equal(read_sampled_frames(path, lambda count: [5, 95]), good[[5, 95]])
    with pytest.raises(VideoError):
        read_sampled_frames(path, lambda count: [55])


def test_limits(tmp_path):
    path = encode(tmp_path / "a.mp4", "libx264", {})
    budget = ClipBudget(path, ClipLimits(max_clip_pixels=5 * 96 * 64))
    with pytest.raises(VideoError, match="max_clip_pixels"):
        seek(path, [70], budget=budget)


@pytest.mark.parametrize(
    ("times", "keys", "reorders", "expected"),
    [
        ([0, 1, 2, 3], [0, 2], 0, True),
        ([0, 2, 1, 3], [0, 3], 0, False),
        ([0, 2, 1, 3], [0, 3], 1, True),
        ([0, 1, 1, 3], [0, 3], 1, False),
        # A time that is damaged would move all the frames behind it.
        ([0, 9, 2, 3], [0, 2], 1, False),
        ([0, 1, 4, 3, 5], [0, 2], 1, False),
        ([0, 1, 4, 3, 5], [0, 2], 2, True),
        ([0, 2, 4, 1, 5], [0, 2], 2, False),
        ([0, 1, 2], [1], 1, False),
        ([], [], 1, False),
    ],
)
def test_groups_of_pictures_follow_each_other(times, keys, reorders, expected):
    assert frame_index._are_in_order(times, keys, reorders) == expected


def test_a_frame_is_decoded_with_those_that_are_shown_before_it():
    index = FrameIndex([0, 8, 4, 2, 6, 10, 12], [0, 5])
    (run,) = index.runs([2])  # 4, after which 2 is stored.
    assert run == (0, 4, [(0, 0), (1, 2), (2, 4), (4, 8)])
    assert [run[:2] for run in index.runs([6])] == [(0, 1), (5, 7)]


def test_a_key_frame_and_its_leading_picture_are_one_run():
    index = FrameIndex([0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11], [0, 5])
    (run,) = index.runs([7, 8])
    assert run[:2] == (0, 9) and {position for position, _ in run.frames} >= {7, 8}


def test_a_frame_in_no_run_is_not_left_out_in_silence(tmp_path, monkeypatch):
    path = encode(tmp_path / "a.mp4", "libx264", {})
    runs = FrameIndex.runs
    monkeypatch.setattr(FrameIndex, "runs", lambda self, positions: runs(self, [0]))
    with pytest.raises(sought_frames.OtherFrames):
        seek(path, [0, 50])
