import fractions
import io
import pickle

import av
import numpy as np
import pytest
from PIL import Image

from gsf_tf.data import VideoError, probe, read_frames
from gsf_tf.data.video.clip_reader import read_sampled_frames
from gsf_tf.data.video.video_file import iterate_frames, read_header
from tests.data.video_maker import (
    REAL_VIDEOS,
    cut,
    frame_numbers,
    make_audio,
    make_video,
    numbered_frame,
)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi"])
def test_reads_every_frame_in_order(tmp_path, name):
    path = make_video(tmp_path / name)
    frames = read_frames(path)
    assert frames.shape == (12, 64, 96, 3) and frames.dtype == np.uint8
    np.testing.assert_array_equal(frame_numbers(frames), np.arange(12))
    expected = np.stack([numbered_frame(i, 64, 96) for i in range(12)])
    assert np.abs(frames.astype(int) - expected).mean() < 4
    info = probe(path)
    assert (info.num_frames, info.height, info.width, info.rotation) == (12, 64, 96, 0)
    assert info.frame_rate == pytest.approx(10)


def test_reads_chosen_frames_with_repetitions(tmp_path):
    path = make_video(tmp_path / "a.mp4")
    np.testing.assert_array_equal(frame_numbers(read_frames(path, [7, 0, 0, 11])), [7, 0, 0, 11])
    with pytest.raises(ValueError, match=r"\[12\]"):
        read_frames(path, [0, 12])


@pytest.mark.parametrize("size, expected", [((64, 96), (32, 48)), ((96, 50), (61, 32))])
def test_scales_short_side_and_keeps_aspect(tmp_path, size, expected):
    path = make_video(tmp_path / "a.mp4", 2, *size)
    assert read_frames(path, short_side=32).shape[1:3] == expected
    assert read_frames(path, short_side=500).shape[1:3] == size


def test_scaling_is_antialiased(tmp_path):
    path = make_video(tmp_path / "a.mp4", 1, 256, 256, noise=True)
    stored = Image.fromarray(read_frames(path)[0])
    expected = np.asarray(stored.resize((32, 32), Image.Resampling.BICUBIC), float)
    scaled = read_frames(path, short_side=32)[0].astype(float)
    assert np.abs(scaled - expected).mean() < 3
    assert np.abs(np.asarray(stored, float)[4::8, 4::8] - expected).mean() > 20


# What each display matrix does to the stored picture.
ORIENTATIONS = {
    (0, 1, -1, 0): lambda frame: np.rot90(frame, -1),
    (0, -1, 1, 0): np.rot90,
    (-1, 0, 0, -1): lambda frame: np.rot90(frame, 2),
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (0, 1, 1, 0): lambda frame: frame.transpose(1, 0, 2),
}


@pytest.mark.parametrize("matrix", ORIENTATIONS, ids=str)
def test_shown_upright(tmp_path, matrix):
    turned = make_video(tmp_path / "turned.mp4", 1, display_matrix=matrix)
    plain = make_video(tmp_path / "plain.mp4", 1)
    expected = ORIENTATIONS[matrix](read_frames(plain)[0])
    np.testing.assert_array_equal(read_frames(turned)[0], expected)
    info = probe(turned)
    assert (info.height, info.width) == expected.shape[:2]
    assert min(read_frames(turned, short_side=32).shape[1:3]) == 32


@pytest.mark.parametrize("orientation, turns", [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_tags_of_a_camera_in_motion_jpeg(tmp_path, orientation, turns):
    frame = numbered_frame(3, 64, 96)
    exif, jpeg = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(frame).save(jpeg, "JPEG", quality=95, exif=exif)
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        packet = av.Packet(jpeg.getvalue())
        packet.stream, packet.pts, packet.dts = stream, 0, 0
        packet.time_base = fractions.Fraction(1, 10)
        container.mux(packet)
    found = read_frames(tmp_path / "a.avi")[0]
    expected = np.rot90(frame, turns)
    assert found.shape == expected.shape and np.abs(found - expected.astype(int)).mean() < 2


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda path: path, "the file does not exist"),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: path.touch(), "zero bytes"),
        (lambda path: path.write_text("not a video\n" * 100), "no video format"),
        (make_audio, "no video stream"),
        (lambda path: cut(make_video(path), 0.02), "cut off"),
    ],
    ids=["missing", "folder", "zero bytes", "text", "audio", "header cut"],
)
def test_what_is_no_video(tmp_path, make, reason):
    path = tmp_path / "a.mp4"
    make(path)
    for read in (probe, read_frames, lambda path: read_sampled_frames(path, lambda n: [0])):
        if path.is_dir() and read not in (probe, read_frames):
            continue  # A folder of frames: test_clip_reader.py.
        with pytest.raises(VideoError, match=reason) as error:
            read(path)
        assert error.value.path == str(path) and error.value.frames_decoded == 0
        assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated(tmp_path, name, share):
    path = cut(make_video(tmp_path / name, 20, noise=True), share)
    with pytest.raises(VideoError, match="cut off") as error:
        read_frames(path)
    assert 0 < error.value.frames_decoded < 20
    with pytest.raises(VideoError):
        read_sampled_frames(path, lambda n: [0])
    with pytest.raises(VideoError):
        probe(path)


def test_bytes_overwritten_inside(tmp_path):
    path = make_video(tmp_path / "a.mp4", 20, noise=True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20000] = b"\xff" * 20000
    path.write_bytes(data)
    with pytest.raises(VideoError, match="decoding failed|damaged") as error:
        read_frames(path)
    assert 0 < error.value.frames_decoded < 20


def test_playlist_opens_nothing(tmp_path):
    make_video(tmp_path / "real.mp4")
    playlist = tmp_path / "list.mp4"
    playlist.write_text("ffconcat version 1.0\nfile http://127.0.0.1:9/x.mp4\n")
    with pytest.raises(VideoError):
        read_frames(playlist)


def test_sampling_asks_again_when_the_header_is_wrong(tmp_path, monkeypatch):
    path = make_video(tmp_path / "a.mp4")
    monkeypatch.setattr("gsf_tf.data.video.clip_reader.read_header", lambda path: (50, 10.0))
    asked = []

    def choose(num_frames):
        asked.append(num_frames)
        return [0, num_frames - 1]

    np.testing.assert_array_equal(frame_numbers(read_sampled_frames(path, choose)), [0, 11])
    assert asked == [50, 12]


def test_header_without_a_count(tmp_path):
    assert read_header(make_video(tmp_path / "a.webm")) == (12, 10.0)


def test_only_kept_frames_come_out(tmp_path):
    path = make_video(tmp_path / "a.mp4")
    frames = list(iterate_frames(path, keep=lambda index: index % 5 == 0))
    assert [frame.index for frame in frames] == [0, 5, 10]
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.5, 1.0])


def test_error_survives_pickling():
    error = pickle.loads(pickle.dumps(VideoError("a.mp4", "a reason", 3)))
    assert (error.path, error.reason, error.frames_decoded) == ("a.mp4", "a reason", 3)


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"{REAL_VIDEOS} is not there")
@pytest.mark.parametrize(
    "name, shape",
    [
        ("arm_wrestling_h264_340x256.mp4", (280, 256, 340)),
        ("h265.mp4", (10, 128, 128)),
        ("rotated_90.mov", (3, 568, 320)),
        ("street_h264.mp4", (300, 256, 340)),
        ("xvid_320x240.avi", (164, 240, 320)),
    ],
)
def test_real_videos(name, shape):
    info = probe(REAL_VIDEOS / name)
    assert (info.num_frames, info.height, info.width) == shape
    assert read_frames(REAL_VIDEOS / name, [0, shape[0] - 1]).shape == (2, *shape[1:], 3)


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"{REAL_VIDEOS} is not there")
def test_real_corrupted_video():
    with pytest.raises(VideoError, match="decoding failed") as error:
        read_frames(REAL_VIDEOS / "corrupted.mp4", [0])
    assert error.value.frames_decoded == 28
