import dataclasses

import numpy as np
import pytest

from gsf_tf.errors import UserError
from gsf_tf.evaluation import fuse_scores
from tests.evaluation.test_scores import make_scores


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def test_mean_of_logits_whatever_the_order():
    first, second = make_scores(seed=0), make_scores(seed=1)
    fused = fuse_scores({"a.npz": first, "b.npz": second.select([2, 0, 1])})
    assert fused.ids.tolist() == first.ids.tolist()
    for task in ("verb", "action"):
        mean = (first.logits[task] + second.logits[task]) / 2
        np.testing.assert_allclose(fused.logits[task], mean, rtol=1e-6)
        np.testing.assert_array_equal(fused.labels[task], first.labels[task])


def test_mean_of_probabilities():
    parts = [make_scores(seed=seed) for seed in range(3)]
    fused = fuse_scores(dict(zip("abc", parts, strict=True)), "probabilities")
    expected = np.mean([softmax(part.logits["action"]) for part in parts], axis=0)
    np.testing.assert_allclose(softmax(fused.logits["action"]), expected, rtol=1e-5)


def test_the_two_means_may_disagree():
    """A model whose logits are large decides the mean of logits, not that of probabilities."""
    one = make_scores(ids=["v"], tasks={"action": 2})
    loud = dataclasses.replace(one, logits={"action": np.array([[9.0, 0.0]], "float32")})
    quiet = dataclasses.replace(one, logits={"action": np.array([[0.0, 2.0]], "float32")})
    dumps = {"loud": loud, "quiet": quiet, "quiet again": quiet}
    assert fuse_scores(dumps).logits["action"].argmax() == 0
    assert fuse_scores(dumps, "probabilities").logits["action"].argmax() == 1


def test_missing_videos_are_named_with_their_file():
    whole = make_scores()
    with pytest.raises(UserError) as error:
        fuse_scores({"a.npz": whole.select([0, 1]), "b.npz": whole.select([0, 2])})
    assert "a.npz lacks a:2 z; b.npz lacks a:1 ü" in str(error.value)


def test_other_labels():
    scores = make_scores()
    other = dataclasses.replace(
        scores, labels={**scores.labels, "action": scores.labels["action"][::-1]}
    )
    with pytest.raises(UserError, match="'a:0 x' and 1 more, whose action differs .* b.npz"):
        fuse_scores({"a.npz": scores, "b.npz": other})


@pytest.mark.parametrize("tasks", [{"verb": 2, "action": 5}, {"action": 4}])
def test_other_classes(tasks):
    with pytest.raises(UserError, match="same tasks and classes.*a.npz with classes 2 verb, 4"):
        fuse_scores({"a.npz": make_scores(), "b.npz": make_scores(tasks=tasks)})


@pytest.mark.parametrize("mean", ["logits", "probabilities"])
def test_weights(mean):
    """An ensemble with the weights 1, 3 and 0 is that of the first and three times the second."""
    one, two, three = (make_scores(seed=seed) for seed in range(3))
    fused = fuse_scores({"a": one, "b": two, "c": three}, mean, weights=[1, 3, 0])
    repeated = fuse_scores({"a": one, "b": two, "b again": two, "and again": two}, mean)
    for task in fused.logits:
        np.testing.assert_allclose(fused.logits[task], repeated.logits[task], rtol=1e-5)
    halves = fuse_scores({"a": one, "b": two, "c": three}, mean, weights=[0.5, 1.5, 0.0])
    np.testing.assert_allclose(halves.logits["action"], fused.logits["action"], rtol=1e-6)


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [1, -1], [0, 0], [1, float("nan")], []])
def test_weights_that_are_none(weights):
    with pytest.raises(UserError, match="`weights` must be 2 numbers of at least 0"):
        fuse_scores({"a": make_scores(), "b": make_scores(seed=1)}, weights=weights)
