import av
import numpy as np
import pytest

from gsf_tf.data.demo_clips import (
    ACTION_PAIRS,
    CLASS_NAMES,
    generate_clips,
    render_clip,
    write_video,
)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.mp4")}


def test_there_are_at_least_twelve_classes_in_pairs():
    assert len(CLASS_NAMES) == 2 * len(ACTION_PAIRS) >= 12
    assert len(set(CLASS_NAMES)) == len(CLASS_NAMES)


@pytest.mark.parametrize("pair", ACTION_PAIRS, ids=lambda pair: pair.forward)
def test_the_classes_of_a_pair_are_each_others_reversal(pair):
    """The same draws give the same frames in the opposite order, up to the noise of the sensor."""
    for seed in range(5):
        forward = render_clip(pair.forward, np.random.default_rng(seed)).astype(float)
        backward = render_clip(pair.backward, np.random.default_rng(seed)).astype(float)
        # The noise has a standard deviation of at most 8, so its difference one of 11.3.
        assert np.abs(forward[::-1] - backward).mean() < 10
        moving = np.abs(forward[0] - forward[-1]).max()
        assert moving > 60
        assert np.abs(forward - backward).max() > 60


def test_clips_are_written_to_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = render_clip("growing", np.random.default_rng(0))[:2]
    for name in ("12:30", "pipe:", "a%03d[*]?.partial"):
        write_video(name, frames)
        assert (tmp_path / name).stat().st_size > 500


def test_clips_are_real_h264_videos(tmp_path):
    frames = render_clip("growing", np.random.default_rng(0))
    write_video(tmp_path / "clip.mp4", frames)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.average_rate == 24
        decoded = np.stack(
            [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        )
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(float) - frames).mean() < 12


def test_the_same_bytes_whatever_the_number_of_workers(tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        assert list(generate_clips(tmp_path / name, {"train": 2}, 3, workers))[-1] == (24, 24)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    for _ in generate_clips(tmp_path / "other", {"train": 2}, 4):
        pass
    assert files(tmp_path / "one") != files(tmp_path / "other")


def test_an_interrupted_call_continues(tmp_path):
    steps = generate_clips(tmp_path, {"train": 1, "val": 1}, 0, workers=1)
    assert next(steps) == (0, 24)
    next(steps)
    steps.close()
    there = files(tmp_path)
    assert 1 <= len(there) <= 24
    again = list(generate_clips(tmp_path, {"train": 1, "val": 1}, 0))
    assert again[0] == (len(there), 24) and again[-1] == (24, 24)
    assert there.items() <= files(tmp_path).items()
    assert not list(tmp_path.rglob("*.partial"))


def test_splits_and_classes_differ():
    clips = [render_clip("growing", np.random.default_rng(seed)) for seed in (1, 2)]
    assert clips[0].shape != clips[1].shape or not np.array_equal(*clips)


def test_an_unknown_action():
    with pytest.raises(ValueError, match="'flying'"):
        render_clip("flying", np.random.default_rng(0))
