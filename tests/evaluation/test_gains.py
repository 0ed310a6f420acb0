"""What a model gains over another: planted gains, intervals and McNemar's test."""

import numpy as np
import pytest

from gsf_tf.errors import UserError
from gsf_tf.evaluation import Scores, class_gains, class_gains_figure

NAMES = ["falling", "rising", "resting"]


def scores(answers, labels, names=NAMES, ids=None):
    """Scores of a model that gives these answers."""
    answers, labels = np.asarray(answers), np.asarray(labels, "int32")
    logits = np.eye(len(names), dtype="float32")[answers] * 5
    ids = np.array([f"a:{i} x" for i in range(len(labels))] if ids is None else ids)
    return Scores(ids, {"action": logits}, {"action": labels}, {"action": list(names)})


def planted():
    """Of 20 videos each: falling 8 -> 17, rising 10 -> 10 of other videos, resting 20 -> 15."""
    labels = np.repeat([0, 1, 2], 20)
    first, second = labels.copy(), labels.copy()
    first[8:20] = 1
    second[17:20] = 1
    first[20:30] = 0
    second[30:40] = 0
    second[40:45] = 0
    return scores(first, labels), scores(second, labels)


def test_planted_gains():
    overall, by_class = class_gains(*planted())
    assert [gain.name for gain in by_class] == NAMES
    assert [round(gain.gain, 6) for gain in by_class] == [0.45, 0.0, -0.25]
    assert [(gain.won, gain.lost) for gain in by_class] == [(9, 0), (10, 10), (0, 5)]
    assert (overall.videos, overall.won, overall.lost) == (60, 19, 15)
    assert overall.gain == pytest.approx(4 / 60)
    assert by_class[0].low > 0 and by_class[2].high < 0
    assert by_class[1].low < 0 < by_class[1].high


def test_mcnemars_exact_test():
    """Twice the tail of a binomial of 1/2: 2 / 2^9 for 9 of 9, and 1 where both are equal."""
    _, (falling, rising, resting) = class_gains(*planted())
    assert falling.p_value == pytest.approx(2 / 2**9)
    assert rising.p_value == 1
    assert resting.p_value == pytest.approx(2 / 2**5)


def test_the_interval_is_the_paired_bootstrap():
    """Beside it: videos drawn one by one, with the answers of both models."""
    baseline, other = planted()
    overall, _ = class_gains(baseline, other, resamples=20000)
    right = [
        each.logits["action"].argmax(axis=1) == each.labels["action"] for each in (baseline, other)
    ]
    difference = right[1].astype(float) - right[0]
    draws = np.random.default_rng(1).integers(0, 60, (20000, 60))
    low, high = np.quantile(difference[draws].mean(axis=1), [0.025, 0.975])
    assert overall.low == pytest.approx(low, abs=0.02)
    assert overall.high == pytest.approx(high, abs=0.02)


def test_the_order_of_the_videos_does_not_matter():
    baseline, other = planted()
    mixed = other.select(np.random.default_rng(0).permutation(len(other)))
    assert class_gains(baseline, mixed) == class_gains(baseline, other)


def test_equal_models_and_one_class():
    baseline, _ = planted()
    overall, by_class = class_gains(baseline, baseline)
    assert (overall.gain, overall.low, overall.high, overall.p_value) == (0, 0, 0, 1)
    texts = [text.get_text() for text in class_gains_figure(by_class).axes[0].texts]
    assert "No class gains or loses" in texts
    single = scores([0, 0], [0, 0], ["only"])
    assert class_gains(single, single)[0].baseline == 1


def test_other_videos_classes_and_labels_are_refused():
    baseline, other = planted()
    with pytest.raises(UserError, match="compared must be of the same videos.*other lacks a:59"):
        class_gains(baseline, other.select(range(59)))
    renamed = scores([0], [0], ["falling", "rising"], ["a:0 x"])
    with pytest.raises(UserError, match="compared must be of the same tasks and classes"):
        class_gains(baseline, renamed)
    relabeled = scores(np.zeros(60, int), np.zeros(60))
    with pytest.raises(UserError, match="compared. Received: 'a:20 x' and 39 more"):
        class_gains(baseline, relabeled)
    with pytest.raises(ValueError, match="one of action.*task='verb'"):
        class_gains(baseline, other, task="verb")


def test_the_figure_has_the_largest_gains_and_losses():
    _, by_class = class_gains(*planted())
    axes = class_gains_figure(by_class, title="$a_b$").axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["falling", "resting"]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [45, -25])
    assert axes.texts[0].get_text() == "40% → 85%"
    with pytest.raises(ValueError, match="count=0"):
        class_gains_figure(by_class, 0)


def test_of_many_classes_some_are_drawn():
    rng = np.random.default_rng(0)
    names = [f"Pretending to put something number {i:03} onto something else" for i in range(174)]
    labels = np.arange(174).repeat(4)
    answers = np.where(rng.random((2, len(labels))) < 0.5, labels, (labels + 1) % 174)
    _, by_class = class_gains(*(scores(each, labels, names) for each in answers))
    axes = class_gains_figure(by_class).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    assert len(widths) == 20 and widths == sorted(widths, reverse=True)
    assert all(len(text.get_text()) <= 64 for text in axes.get_yticklabels())
