import io
import multiprocessing
import os
import signal

import numpy as np
import pytest
from PIL import Image

from gsf_tf.data import ClipSource, RecordSettings, VideoError
from gsf_tf.data.writing import clip_encoder
from tests.data.video_maker import frame_numbers, make_frames, make_video, numbered_frame


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
    # Forked workers, since spawned ones would import the module without the change.
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr(clip_encoder, "_try_encode", die_on_request)
    monkeypatch.setattr(clip_encoder, "DecodingContext", lambda: fork)
    monkeypatch.setattr(clip_encoder, "_start_worker", lambda: None)
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
