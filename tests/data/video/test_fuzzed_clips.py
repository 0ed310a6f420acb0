"""More in `python -m tests.data.fuzz_videos`."""

import pathlib

from tests.data import fuzz_videos


def test_fuzzed_clips(monkeypatch):
    # The child does without TensorFlow, as decoding processes do.
    monkeypatch.setenv("GSF_TF_DECODING_PROCESS", "1")
    results = list(fuzz_videos.watch(100_000, 100, 120))
    assert [seed for seed, *_ in results] == list(range(100_000, 100_100))
    assert {outcome for _, _, outcome, _ in results} == {"frames", "VideoError"}, results
    assert len({kind for _, kind, _, _ in results}) > 12


def test_a_crash_and_a_hang_are_found(monkeypatch):
    """The watchdog itself: children that die, and that say nothing."""
    script = str(pathlib.Path(__file__).parents[1] / "bad_child.py")
    for how, text in (("crash", "crash (status -6)"), ("hang", "hang")):
        monkeypatch.setattr(fuzz_videos, "PROGRAM", [script, how, "--clips"])
        results = list(fuzz_videos.watch(0, 4, 3))
        assert [outcome for _, _, outcome, _ in results[:3]] == ["frames"] * 3
        assert len(results) == 4 and results[3][2].startswith(text)
