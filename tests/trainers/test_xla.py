"""A run that XLA compiles takes the steps of one that it does not."""

import itertools

import numpy as np
import pytest

from gsf_tf.data import DamageLog, DatasetInfo
from gsf_tf.training.devices import Devices
from gsf_tf.training.learner import Learner
from gsf_tf.training.run_state import RunState
from gsf_tf.training.step_totals import StepTotals
from tests import exhaustive
from tests.trainers.small_run import small_config
from trainers.train_loop import train_feed


def two_steps(records, preset, jit_compile):
    """Returns the losses of two steps of the trainer and all weights after them."""
    values = {"jit_compile": jit_compile, "warmup_epochs": 0, "model.dropout": 0.0}
    config = small_config(records, preset, **values)
    info, devices = DatasetInfo.load(config.data.records), Devices.choose(print)
    learner = Learner(config, info, devices, steps_per_epoch=6)
    learner.begin(is_new=True)
    losses = []
    feed = train_feed(config, info, devices, RunState(), DamageLog())
    for batch in itertools.islice(feed, 2):
        totals = StepTotals()
        learner.take_step([batch], totals, "")
        losses.append(totals.means()["loss"])
    return losses, learner.model.get_weights()


@pytest.mark.parametrize(
    "preset",
    exhaustive.cases(["tsm_resnet14thin", "gsf_resnet14thin"], lambda preset: "tsm" in preset),
)
def test_xla_takes_the_same_steps(records, preset):
    losses, weights = two_steps(records, preset, jit_compile=False)
    xla_losses, xla_weights = two_steps(records, preset, jit_compile=True)
    np.testing.assert_allclose(xla_losses, losses, rtol=1e-4)
    for ours, theirs in zip(xla_weights, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
