"""What `gsf-tf train` does about moving statistics that do not fit."""

import keras
import numpy as np
import pytest

from tests.trainers.small_run import newest_state, read_metrics, run_training, small_config
from trainers.evaluated_model import mode_warning, modes_differ


def test_estimated_statistics_are_saved_and_training_keeps_its_own(records, tmp_path):
    # Six steps move the statistics by less than a hundredth of the way.
    values = {"batch_norm.momentum": 0.999, "batch_norm.reestimate_batches": 6,
              "batch_norm.compare_batches": 2, "epochs": 1, "warmup_epochs": 0}  # fmt: skip
    run_training(small_config(records, "tsn_resnet14thin", **values), tmp_path)
    best, last = (keras.models.load_model(tmp_path / f"{name}.keras") for name in ("best", "model"))
    for one, other in zip(best.weights, last.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)
    means = [np.abs(tensor).max() for name, tensor in newest_state(tmp_path)[0].items()
             if "moving_mean" in name]  # fmt: skip
    saved = [np.abs(weight).max() for weight in last.weights if weight.name == "moving_mean"]
    assert 0 < np.median(means) < 0.02 * np.median(saved)
    (line,) = read_metrics(tmp_path)
    for name in ("train_mode", "inference_mode"):
        assert 0 < line[f"{name}/loss"] < 10 and 0 <= line[f"{name}/top1"] <= 1


@pytest.mark.parametrize(
    ("train", "inference", "clips", "differ"),
    [
        ((0.3, 0.85), (1.5, 0.51), 80, True),  # The case of 150 dark clips.
        ((0.3, 0.85), (1.5, 0.75), 80, False),
        ((0.3, 0.85), (1.5, 0.51), 16, False),  # Five clips of sixteen may be chance.
        ((0.3, 0.51), (1.5, 0.85), 80, False),
        ((0.3, 0.85), (0.2, 0.51), 80, False),
    ],
)
def test_a_gap_beyond_chance_is_told(train, inference, clips, differ):
    train, inference = (dict(zip(("loss", "top1"), v, strict=True)) for v in (train, inference))
    assert modes_differ(train, inference, clips) == differ


@pytest.mark.parametrize("estimated", [0, 20])
def test_the_warning_says_what_helps(estimated):
    config = small_config("records", **{"batch_norm.reestimate_batches": estimated})
    text = mode_warning(config, {"top1": 0.85}, {"top1": 0.51}, 80)
    assert "same 80 training clips the model names 85% right" in text and "51%" in text
    assert ("reestimate_batches=20" in text) == (not estimated)
    assert "config.batch_norm.frozen=all" in text
