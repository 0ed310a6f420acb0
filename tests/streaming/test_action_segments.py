"""Answers become segments by the rules that the documentation states."""

import pickle

import numpy as np
import pytest

from gsf_tf.errors import UserError
from gsf_tf.streaming.action_segments import ActionSegments

PERIOD = 0.5


def segments_of(answers, **rules):
    """Segments as (start, end, class, score); an answer is (class, probability) or None."""
    segments, found = ActionSegments(PERIOD, **rules), []
    for number, answer in enumerate(answers):
        if answer is not None:
            label, probability = answer
            rest = (1 - probability) / 3
            probabilities = [probability if k == label else rest for k in range(4)]
            found += segments.add(number * PERIOD, np.array(probabilities))
    found += segments.finish()
    return [(s.start, s.end, s.label, round(s.score, 6)) for s in found]


def test_answers_that_follow_each_other_are_one_segment():
    answers = [(1, 0.6), (1, 0.8), (2, 0.9), (2, 0.4), (3, 0.7)]
    assert segments_of(answers, merge=0) == [(0, 1, 1, 0.7), (1, 1.5, 2, 0.9), (2, 2.5, 3, 0.7)]


def test_parts_of_one_class_are_merged_over_a_short_pause():
    answers = [(1, 0.6), (0, 0.3), (0, 0.3), (1, 0.8)]
    assert segments_of(answers, merge=1.0) == [(0, 2, 1, 0.7)]
    assert segments_of(answers, merge=0.9) == [(0, 0.5, 1, 0.6), (1.5, 2, 1, 0.8)]
    # The same pause without any answer, as where frames were dropped.
    assert segments_of([(1, 0.6), None, None, (1, 0.8)], merge=1.0) == [(0, 2, 1, 0.7)]


def test_another_class_in_between_keeps_them_apart():
    answers = [(1, 0.6), (2, 0.6), (1, 0.6)]
    assert [s[2] for s in segments_of(answers, merge=5)] == [1, 2, 1]


def test_short_segments_are_left_out_after_the_merging():
    answers = [(1, 0.6), (0, 0.3), (1, 0.6), (2, 0.9)]
    assert segments_of(answers, merge=0.5, shortest=1.5) == [(0, 1.5, 1, 0.6)]
    assert segments_of(answers, merge=0, shortest=1.5) == []


def test_an_answer_at_the_threshold_belongs_to_its_class():
    assert segments_of([(1, 0.5)], threshold=0.5) == [(0, 0.5, 1, 0.5)]
    assert segments_of([(1, 0.5)], threshold=0.51) == []


def test_a_segment_of_any_length_keeps_no_more_of_its_answers():
    segments = ActionSegments(PERIOD)
    list(segments.add(0.0, np.array([1.0])))
    size = len(pickle.dumps(segments))
    for number in range(1, 1000):
        list(segments.add(number * PERIOD, np.array([1.0])))
    assert len(pickle.dumps(segments)) < size + 10


@pytest.mark.parametrize("rules", [{"threshold": 1.1}, {"merge": -1}, {"shortest": float("nan")}])
def test_values_out_of_range(rules):
    (name,) = rules
    with pytest.raises(UserError, match=f"`{name}` must be .* Received: {name}="):
        ActionSegments(PERIOD, **rules)
