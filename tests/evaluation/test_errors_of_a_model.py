"""Confused pairs, confident mistakes, accuracy by length and by class, and the trade-off."""

import numpy as np
import pytest

from gsf_tf.errors import UserError
from gsf_tf.evaluation import (
    Scores,
    TradeOffPoint,
    accuracy_by_length,
    class_accuracy_figure,
    confident_mistakes,
    confused_pairs,
    confused_pairs_figure,
    length_figure,
    trade_off_figure,
)
from gsf_tf.short_names import short_name


def scores(logits, labels, names="abc"):
    ids = np.array([f"s:{i} v" for i in range(len(labels))])
    logits = np.asarray(logits, "float32")
    return Scores(
        ids, {"action": logits}, {"action": np.asarray(labels, "int32")}, {"action": list(names)}
    )


def test_confused_pairs_count_both_directions():
    confusion = np.array([[5, 1, 4], [2, 8, 0], [3, 0, 9]])
    first, second = confused_pairs(confusion, list("abc"))
    assert (first.first, first.second, first.times, first.back) == ("a", "c", 7, 3)
    assert (second.first, second.second, second.times, second.back) == ("b", "a", 3, 1)
    assert first.videos == 22 and first.share == pytest.approx(7 / 22)
    assert confused_pairs(confusion, list("abc"), 1) == [first]
    assert confused_pairs(np.diag([3, 2]), list("ab")) == []
    with pytest.raises(ValueError, match=r"\[K, K\] with a name per class"):
        confused_pairs(confusion, list("ab"))


def test_figure_of_confused_pairs():
    pairs = confused_pairs(np.array([[5, 5], [3, 7]]), ["$up$", "down"])
    axes = confused_pairs_figure(pairs).axes[0]
    assert axes.get_yticklabels()[0].get_text() == "$up$ / down"
    assert axes.patches[0].get_width() == pytest.approx(40)
    assert axes.texts[0].get_text() == "8 of 20"
    empty = confused_pairs_figure(confused_pairs(np.eye(1), ["only"])).axes[0]
    assert empty.texts[-1].get_text() == "No class is taken for another"


def test_confident_mistakes_come_in_the_order_of_their_probability():
    logits = [[0, 3, 0], [0, 0, 0.5], [9, 0, 0], [0, 6, 0]]
    first, second, third = confident_mistakes(scores(logits, [0, 0, 0, 2]))
    assert [each.video for each in (first, second, third)] == ["s:3 v", "s:0 v", "s:1 v"]
    assert (first.true, first.predicted) == ("c", "b")
    e = np.exp([0, 6, 0])
    assert first.confidence == pytest.approx(e[1] / e.sum())
    assert first.probability == pytest.approx(e[2] / e.sum())
    assert len(confident_mistakes(scores(logits, [0, 0, 0, 2]), 2)) == 2
    assert confident_mistakes(scores(logits, [1, 2, 0, 1])) == []


def test_accuracy_by_length_of_planted_lengths():
    """Videos of 10 frames are right, those of 20 half the time, those of 30 never."""
    right = [1] * 8 + [1, 0] * 4 + [0] * 8
    lengths = {f"s:{i} v": 10 * (i // 8 + 1) for i in range(24)}
    one_hot = np.eye(3)[[0 if each else 1 for each in right]]
    bins = accuracy_by_length(scores(one_hot, np.zeros(24)), lengths, bins=3)
    assert [(each.shortest, each.longest, each.videos) for each in bins] == [
        (10, 10, 8),
        (20, 20, 8),
        (30, 30, 8),
    ]
    assert [each.accuracy for each in bins] == [1, 0.5, 0]
    # Wilson's interval for 4 of 8.
    assert bins[1].low == pytest.approx(0.2152, abs=1e-3)
    assert bins[1].high == pytest.approx(0.7848, abs=1e-3)
    line = length_figure(bins).axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), [100, 50, 0])
    labels = [text.get_text() for text in length_figure(bins).axes[0].get_xticklabels()]
    assert labels[1] == "20\n8 videos"


def test_lengths_that_are_equal_or_unknown():
    same = scores(np.eye(3), [0, 1, 2])
    (only,) = accuracy_by_length(same, dict.fromkeys(same.ids.tolist(), 24))
    assert (only.videos, only.accuracy) == (3, 1)
    with pytest.raises(UserError, match="none for 1 of 3 videos, first 's:2 v'"):
        accuracy_by_length(same, {"s:0 v": 1, "s:1 v": 2})
    with pytest.raises(ValueError, match="bins=0"):
        accuracy_by_length(same, {}, bins=0)


def test_classes_without_videos_are_not_drawn():
    axes = class_accuracy_figure({"a": 0.5, "b": None, "c": 1.0}).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["c", "a"]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [100, 50])


def test_of_many_classes_the_best_and_worst_are_drawn():
    per_class = {f"class {i}": i / 173 for i in range(174)}
    axes = class_accuracy_figure(per_class, 30).axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names[:2] == ["class 173", "class 172"] and names[-1] == "class 0"
    assert len(names) == 30 and "without 144 classes" in axes.get_title()


def test_long_names_keep_both_ends():
    name = "Pretending to put something onto something so that it falls, and then leaving it"
    short = short_name(name)
    assert len(short) == 64 and short.startswith("Pretending to put") and short.endswith("it")
    assert short_name("two\nlines") == "two lines" and short_name("x" * 64) == "x" * 64


def test_trade_off_has_costs_areas_and_hollow_markers():
    points = [
        TradeOffPoint("ours", 8_000_000_000, 8_000_000, 0.5),
        TradeOffPoint("theirs", 32_000_000_000, 2_000_000, 0.6, published=True),
        TradeOffPoint("near", 32_100_000_000, 2_000_000, 0.6),
    ]
    axes = trade_off_figure(points).axes[0]
    ours, theirs, _ = axes.collections
    np.testing.assert_allclose(ours.get_offsets(), [[8, 50]])
    np.testing.assert_allclose(ours.get_sizes() / theirs.get_sizes(), 4)
    assert len(ours.get_facecolor()) == 1 and len(theirs.get_facecolor()) == 0
    assert axes.get_xscale() == "log"
    # Names of neighbors do not lie on each other.
    heights = [text.xyann[1] for text in axes.texts]
    assert abs(heights[1] - heights[0]) > 5
    # Two heights that differ little beside one that is far away: only the right limits show that
    # these names would meet.
    points = [TradeOffPoint(str(n), 10**9, 10**6, top1) for n, top1 in enumerate((0.6, 0.59, 0.1))]
    axes = trade_off_figure(points).axes[0]
    places = [axes.transData.transform(text.xy)[1] for text in axes.texts]
    shifts = [text.xyann[1] * axes.figure.dpi / 72 for text in axes.texts]
    assert places[0] - places[1] < 14 <= round(places[0] - places[1] - shifts[1], 6)
    assert shifts[0] == shifts[2] == 0
    with pytest.raises(ValueError, match="MACs and parameters above 0"):
        trade_off_figure([TradeOffPoint("none", 0, 1, 0.5)])
    with pytest.raises(ValueError, match="must have a model"):
        trade_off_figure([])
