import multiprocessing
import os
import signal

import pytest

from gsf_tf.data import ClipSource, RecordSettings, VideoError, clip_encoder
from tests.data.video_maker import make_video


def die_on_request(source, settings):
    if "deadly" in source.path:
        os.kill(os.getpid(), signal.SIGKILL)
    return clip_encoder.encode_clip(source, settings)


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
