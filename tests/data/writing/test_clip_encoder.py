import io
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from gsf_tf.data import ClipSource, RecordSettings, VideoError
from gsf_tf.data.records.record_parser import MAX_FRAME_PIXELS
from gsf_tf.data.video import decoding_worker
from gsf_tf.data.writing import clip_encoder
from tests.data.video_maker import frame_numbers, make_frames, make_video, numbered_frame


def hang_on_request(source, settings):
    if "hanging" in source.path:
        time.sleep(1000)
    return clip_encoder.encode_clip(source, settings)


def fork_workers(monkeypatch, encode):
    """Forks the workers, since spawned ones would import the module without the change."""
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr(clip_encoder, "_try_encode", encode)
    monkeypatch.setattr(clip_encoder, "DecodingContext", lambda: fork)
    monkeypatch.setattr(clip_encoder, "_start_worker", lambda: None)


def die_on_request(source, settings):
    if "deadly" in source.path:
        os.kill(os.getpid(), signal.SIGKILL)
    return clip_encoder.encode_clip(source, settings)


@pytest.mark.parametrize(
    "part, expected, seconds",
    [
        ({}, [5, 15, 25, 35], [0.5, 1.5, 2.5, 3.5]),
        ({"start": 1.0, "stop": 3.0}, [12, 17, 22, 27], [1.2, 1.7, 2.2, 2.7]),
        # The rule asks for 12 frames and the video ends after 10.
        ({"start": 3.0, "stop": 4.2}, [31, 33, 36, 38], [3.1, 3.3, 3.6, 3.8]),
    ],
)
def test_long_parts_are_thinned_like_long_videos(tmp_path, part, expected, seconds):
    source = ClipSource(str(make_video(tmp_path / "a.mp4", 40)), "a.mp4", 0, **part)
    clip = clip_encoder.encode_clip(source, RecordSettings(max_frames=4))
    frames = [np.asarray(Image.open(io.BytesIO(frame))) for frame in clip.frames]
    assert frame_numbers(frames).tolist() == expected
    np.testing.assert_allclose(clip.timestamps, np.multiply(seconds, 1e6), atol=1)


@pytest.mark.parametrize("first", [0, 1])
def test_times_of_a_part_of_a_folder_count_from_its_start(tmp_path, first):
    path = str(make_frames(tmp_path / "a", 10, first=first))
    for rate, seconds in [(20.0, [0.2, 0.25, 0.3]), (None, [0, 1, 2])]:
        part = ClipSource(path, "a", 0, frame_rate=rate, frames=(4 + first, 3))
        clip = clip_encoder.encode_clip(part, RecordSettings())
        frames = [np.asarray(Image.open(io.BytesIO(frame))) for frame in clip.frames]
        assert frame_numbers(frames).tolist() == [4, 5, 6] and clip.index_base == 4 + first
        np.testing.assert_allclose(clip.timestamps, np.multiply(seconds, 1e6), atol=1)
    with pytest.raises(VideoError, match="2 of the frames 9..12 are missing: 11, 12"):
        part = ClipSource(str(make_frames(tmp_path / "b", 10)), "b", 0, frames=(9, 4))
        clip_encoder.encode_clip(part, RecordSettings())


def test_long_folders_of_frames_are_thinned(tmp_path):
    source = ClipSource(str(make_frames(tmp_path / "a", 40)), "a", 0, frame_rate=20.0)
    clip = clip_encoder.encode_clip(source, RecordSettings(max_frames=4))
    frames = [np.asarray(Image.open(io.BytesIO(frame))) for frame in clip.frames]
    assert frame_numbers(frames).tolist() == [5, 15, 25, 35]
    assert (clip.timestamps, clip.index_base) == ([250000, 750000, 1250000, 1750000], 1)
    assert clip.frame_rate == pytest.approx(2)


def test_clips_without_a_frame_rate(tmp_path):
    Image.fromarray(numbered_frame(3, 64, 96)).save(tmp_path / "b.png")
    for path, count in ((make_frames(tmp_path / "a", 2), 2), (tmp_path / "b.png", 1)):
        clip = clip_encoder.encode_clip(ClipSource(str(path), "a", 0), RecordSettings())
        assert (len(clip.frames), clip.frame_rate) == (count, 0)
        assert (clip.height, clip.width, clip.timestamps[0]) == (64, 96, 0)


@pytest.mark.parametrize("deadly", [{2}, {0, 1, 5}])
def test_clip_that_kills_its_worker_is_reported(tmp_path, monkeypatch, deadly):
    fork_workers(monkeypatch, die_on_request)
    sources = []
    for number in range(6):
        kind = "deadly" if number in deadly else "good"
        path = make_video(tmp_path / f"{number} {kind}.mp4", 2)
        sources.append(ClipSource(str(path), path.name, 0))
    results = list(clip_encoder.encode_clips(sources, RecordSettings(), workers=2))
    assert [source for source, _ in results] == sources
    for number, (_, result) in enumerate(results):
        assert isinstance(result, VideoError) == (number in deadly)
        if number in deadly:
            assert "process that decoded it died" in result.reason
        else:
            assert len(result.frames) == 2


@pytest.mark.parametrize("hanging", [{2}, {0, 1}])
def test_a_decoder_that_hangs_is_ended(tmp_path, monkeypatch, hanging):
    fork_workers(monkeypatch, hang_on_request)
    monkeypatch.setattr(decoding_worker, "_GRACE_SECONDS", 0.2)
    sources = []
    for number in range(6):
        kind = "hanging" if number in hanging else "good"
        path = make_video(tmp_path / f"{number} {kind}.mp4", 2)
        sources.append(ClipSource(str(path), path.name, 0))
    begin = time.monotonic()
    settings = RecordSettings(max_clip_seconds=1)
    results = list(clip_encoder.encode_clips(sources, settings, workers=2))
    assert time.monotonic() - begin < 10
    assert [source for source, _ in results] == sources
    for number, (_, result) in enumerate(results):
        if number in hanging:
            assert result.reason == "decoding it takes more than 1 seconds (`max_clip_seconds`)"
        else:
            assert len(result.frames) == 2


def test_leaving_early_ends_the_processes(tmp_path, monkeypatch):
    fork_workers(monkeypatch, hang_on_request)
    paths = [make_video(tmp_path / name, 2) for name in ("good.mp4", "hanging.mp4")]
    sources = [ClipSource(str(path), path.name, 0) for path in paths]
    results = clip_encoder.encode_clips(sources, RecordSettings(), workers=2)
    next(results)
    before = multiprocessing.active_children()
    results.close()
    for process in before:
        process.join(10)
        assert not process.is_alive()


def test_frames_that_no_record_can_hold(tmp_path):
    assert clip_encoder._MAX_FRAME_PIXELS == MAX_FRAME_PIXELS
    for size in ((65501, 16), (16, 65501), (8000, 4200)):
        Image.new("L", size).save(tmp_path / "a.png")
        source = ClipSource(str(tmp_path / "a.png"), "a.png", 0)
        with pytest.raises(VideoError, match=f"{size[0]}x{size[1]} pixels are too large"):
            clip_encoder.encode_clip(source, RecordSettings(short_side=8192))
    small = clip_encoder.encode_clip(source, RecordSettings(short_side=16))
    assert (small.height, small.width) == (16, 30)


@pytest.mark.parametrize("seconds", [1e300, -1e300, float("inf"), float("nan")])
def test_times_that_no_record_can_hold(tmp_path, monkeypatch, seconds):
    path = make_video(tmp_path / "a.mp4", 2)
    monkeypatch.setattr(
        "gsf_tf.data.video.frame_clock.FrameClock.seconds", lambda self, frame: seconds
    )
    with pytest.raises(VideoError, match="absurd time"):
        clip_encoder.encode_clip(ClipSource(str(path), "a.mp4", 0), RecordSettings())


def test_parts_of_folders_have_the_limits_too(tmp_path):
    folder = make_frames(tmp_path / "a", 10, 32, 48)
    part = ClipSource(str(folder), "a", 0, frames=(3, 5))
    for pixels in (5 * 32 * 48, 5 * 32 * 48 - 1):
        settings = RecordSettings(max_clip_pixels=pixels)
        if pixels == 5 * 32 * 48:
            assert len(clip_encoder.encode_clip(part, settings).frames) == 5
        else:
            with pytest.raises(VideoError, match="`max_clip_pixels`"):
                clip_encoder.encode_clip(part, settings)


def test_huge_numbers_of_parts_of_folders(tmp_path):
    folder = make_frames(tmp_path / "a", 10, 32, 48)
    (folder / "00010.jpg").rename(folder / f"{2**63}.jpg")
    begin = time.process_time()
    for part, message in [((8, 10**18), f"{10**18 - 2} of the frames 8.*: 10, 11, 12, 13, 14, "),
                          ((2**63, 1), "below 2..63"), ((1, 10**4000), "below 2..63")]:  # fmt: skip
        with pytest.raises(VideoError, match=message):
            source = ClipSource(str(folder), "a", 0, frames=part)
            clip_encoder.encode_clip(source, RecordSettings())
    assert time.process_time() - begin < 1


def test_limits_are_part_of_the_settings(tmp_path):
    source = ClipSource(str(make_video(tmp_path / "a.mp4", 12)), "a.mp4", 0)
    for part in (source, ClipSource(source.path, "a.mp4", 0, start=0.0, stop=1.2)):
        with pytest.raises(VideoError, match="`max_clip_pixels`"):
            clip_encoder.encode_clip(part, RecordSettings(max_clip_pixels=3 * 64 * 96))
        with pytest.raises(VideoError, match="`max_clip_seconds`"):
            clip_encoder.encode_clip(part, RecordSettings(max_clip_seconds=1e-9))
