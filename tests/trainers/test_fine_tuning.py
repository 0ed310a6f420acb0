"""A run from given weights: first the linear layer only, and no longer than it helps."""

import collections

import keras
import numpy as np
import pytest

from gsf_tf.data import DatasetInfo
from gsf_tf.models import from_preset
from gsf_tf.training.class_weights import class_weights
from tests.trainers.small_run import read_metrics, run_training, small_config, start_weights


def test_a_frozen_backbone_and_an_early_end(records, tmp_path):
    """At this rate no validation is better than the first; a second command finds nothing to do."""
    values = {
        "model.weights": start_weights(tmp_path),
        "freeze_backbone_epochs": 8,
        "early_stopping_epochs": 1,
        "epochs": 9,
        "optimizer.learning_rate": 1e-6,
        "optimizer.schedule": "step",
        "estimate_steps": 1,
    }
    config = small_config(records, **values)
    status, output = run_training(config, tmp_path / "run")
    assert status is None
    assert "Expected time: about" in output and "for 9 epochs of 6 steps of" in output
    assert (
        "Stopped early: validation was best after epoch 1" in output and "1 epoch(s) ago" in output
    )
    lines = read_metrics(tmp_path / "run")
    assert [line["epoch"] for line in lines] == [1, 2]
    status, output = run_training(config, tmp_path / "run")
    assert "Continuing in epoch 3" in output and "Stopped early" in output
    assert "Expected time" not in output
    assert read_metrics(tmp_path / "run") == lines

    start = from_preset("tsm_resnet14thin", 12, num_segments=2, input_shape=(32, 32, 3))
    start.load_weights(values["model.weights"])
    trained = keras.models.load_model(tmp_path / "run" / "model.keras")
    assert len(trained.trainable_variables) == len(start.trainable_variables)
    new = {weight.path for weight in trained.get_layer("classifier").weights}
    assert new
    for before, after in zip(start.weights, trained.weights, strict=True):
        assert np.array_equal(before, after) == (after.path not in new), after.path


def test_class_weights_are_those_of_the_records(records):
    info = DatasetInfo.load(str(records))
    config = small_config(records, **{"data.class_balance": "weights"})
    np.testing.assert_array_equal(class_weights(config, info), np.ones(12, "float32"))
    config.data.class_balance = "none"
    assert class_weights(config, info) is None


@pytest.mark.parametrize("counts", [[30, 10], [30, 0, 10]])
def test_every_class_has_the_same_total(monkeypatch, counts):
    monkeypatch.setattr("gsf_tf.training.class_weights.count_classes", lambda *_: counts)
    config = small_config("records", **{"data.class_balance": "weights"})
    weights = class_weights(config, collections.namedtuple("Info", "labels")(["a"] * len(counts)))
    totals = weights * counts
    assert totals.sum() == pytest.approx(40)
    assert set(totals[np.array(counts) > 0].round(4).tolist()) == {20.0}
    assert not weights[np.array(counts) == 0].any()
