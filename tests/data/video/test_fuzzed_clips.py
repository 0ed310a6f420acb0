"""More in `python -m tests.data.fuzz_videos`."""

from tests.data.fuzz_videos import PROGRAM
from tests.fuzzing import watch


def test_fuzzed_clips(monkeypatch):
    # The child does without TensorFlow, as decoding processes do.
    monkeypatch.setenv("GSF_TF_DECODING_PROCESS", "1")
    results = list(watch(PROGRAM, 100_000, 100, 1, 120))
    assert [seed for seed, *_ in results] == list(range(100_000, 100_100))
    assert {outcome for _, _, outcome, _ in results} == {"valid", "reported"}, results
    assert len({kind for _, kind, _, _ in results}) > 12
