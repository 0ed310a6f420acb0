import time

import pytest

from benchmarks.generated_videos import make_videos
from benchmarks.prepare_speed import compress_alone, seconds_per_frame
from gsf_tf.data import ClipSource, RecordSettings
from gsf_tf.data.writing.clip_encoder import encode_clip


def test_the_loop_beside_prepare_makes_the_same_frames(tmp_path):
    make_videos(tmp_path, 1)
    path, settings = str(tmp_path / "class0" / "0.mp4"), RecordSettings(short_side=120)
    clip = encode_clip(ClipSource(path, "0.mp4", 0), settings)
    assert clip.frames == compress_alone(path, 120, settings.jpeg_quality)
    assert len(clip.frames) > 20 and (clip.height, clip.width) == (120, 159)


def test_the_clips_before_all_processes_work_do_not_count():
    now = time.perf_counter()
    done = [(now - 9, 100), (now - 8, 100), (now - 4, 30), (now, 50)]
    assert seconds_per_frame(done, 2) == pytest.approx(8 / 80, rel=0.05)
