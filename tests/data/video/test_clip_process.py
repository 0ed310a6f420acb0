import multiprocessing
import os
import resource
import signal
import sys
import time

import numpy as np
import pytest
from PIL import Image

from gsf_tf.data import ClipLimits, ClipProcess, VideoError, frames_to_clip
from gsf_tf.data.video import clip_process, decoding_worker
from gsf_tf.data.video.clip_reader import read_sampled_frames
from tests.data.video_maker import make_video


def misbehave(path, choose, short_side, limits):
    name = os.path.basename(path)
    if name == "dies.mp4":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "hangs.mp4":
        time.sleep(1000)
    return read_sampled_frames(path, choose, short_side, limits)


@pytest.fixture
def forked(monkeypatch):
    """Forked processes, since spawned ones would import the module without the change."""
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr(clip_process, "DecodingContext", lambda: fork)
    monkeypatch.setattr(clip_process, "start_worker", lambda: None)
    monkeypatch.setattr(clip_process, "read_sampled_frames", misbehave)
    monkeypatch.setattr(decoding_worker, "_GRACE_SECONDS", 0.2)


def ends(count):
    return [0, count - 1]


def test_the_frames_are_those_of_this_process(tmp_path):
    video, text = make_video(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    text.write_text("no video")
    with ClipProcess() as process:
        found = process.read_sampled_frames(video, ends, 32)
        np.testing.assert_array_equal(found, read_sampled_frames(video, ends, 32))
        with pytest.raises(VideoError, match="no video format"):
            process.read_sampled_frames(text, ends)
        with pytest.raises(VideoError, match="max_clip_pixels"):
            process.read_sampled_frames(video, ends, limits=ClipLimits(5))
        clip = frames_to_clip(video, 4, (32, 32), process=process)
        np.testing.assert_array_equal(clip, frames_to_clip(video, 4, (32, 32)))
        with pytest.raises(ZeroDivisionError):
            process.read_sampled_frames(video, lambda count: 1 / 0)
        assert process.read_sampled_frames(video, ends, 32).shape == found.shape


def read_limit(connection):
    decoding_worker.start_worker()
    connection.send(resource.getrlimit(resource.RLIMIT_AS)[0])
    connection.recv()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_decoding_processes_have_a_limit_of_memory():
    ours, other = multiprocessing.Pipe()
    # Spawned, as decoding processes are: a fork of this process may already be larger than that.
    process = multiprocessing.get_context("spawn").Process(target=read_limit, args=(other,))
    process.start()
    assert ours.poll(120) and ours.recv() == 8 * 2**30
    process.kill()
    process.join()


def test_a_decoder_that_crashes_or_hangs_harms_one_clip(tmp_path, forked):
    good, dies, hangs = (make_video(tmp_path / f"{n}.mp4", 3) for n in ("good", "dies", "hangs"))
    limits = ClipLimits(max_clip_seconds=1)
    with ClipProcess() as process:
        begin = time.monotonic()
        for path, reason in ((dies, "the process that decoded it died"),
                             (hangs, "takes more than 1 seconds")):  # fmt: skip
            with pytest.raises(VideoError, match=reason) as error:
                process.read_sampled_frames(path, ends, None, limits)
            assert error.value.path == str(path)
            assert len(process.read_sampled_frames(good, ends, None, limits)) == 2
        assert time.monotonic() - begin < 10


@pytest.mark.parametrize("size", [(1, 1), (1, 60000), (60000, 1), (3, 2), (30, 4000)], ids=str)
def test_pictures_of_extreme_shapes_become_clips(tmp_path, size):
    Image.new("RGB", size, "gray").save(tmp_path / "a.png")
    for options in ({}, {"num_crops": 3, "full_short_side": True}):
        clip = frames_to_clip(tmp_path / "a.png", 2, (32, 32), **options)
        assert clip.shape[-4:] == (2, 32, 32, 3) and (clip == 128).all()
