import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.training.step_totals import StepTotals

IDS = tf.constant(["train-00000:4 a.mp4", "train-00001:0 b.mp4"])


def sums(loss, clips=2.0, broken=0.0):
    return {"loss": loss, "top1": 1.0, "clips": clips, "broken": broken}


def test_means_are_over_clips_and_go_on_after_a_restart():
    first = StepTotals()
    first.add(sums(3.0), IDS, "step 1")
    second = StepTotals(first.settle())
    second.add(sums(5.0, clips=3.0), IDS, "step 2")
    assert second.mean_loss == 1.5  # The last batch is not looked at yet.
    assert second.means() == {"loss": 8 / 5, "top1": 2 / 5}


@pytest.mark.parametrize(
    ("loss", "broken", "message"),
    [
        (float("nan"), 1.0, "it is nan"),
        (float("inf"), 1.0, "it is inf"),
        (2.1e3, 0.0, "it is 1050"),
        (2.0, 1.0, "it is 1, but a gradient is not finite"),
    ],
)
def test_a_loss_that_ran_away_names_its_clips(loss, broken, message):
    totals = StepTotals()
    totals.add(sums(2.0), IDS, "epoch 1, step 7")
    totals.add(sums(loss, broken=broken), IDS, "epoch 1, step 8")
    with pytest.raises(UserError, match=f"In epoch 1, step 8 {message}.*train-00000:4 a.mp4, "):
        totals.settle()


def test_it_is_noticed_when_the_next_batch_comes():
    totals = StepTotals()
    totals.add(sums(float("nan")), None, "step 1")
    with pytest.raises(UserError, match="In step 1"):
        totals.add(sums(1.0), None, "step 2")


def test_in_evaluation_a_large_loss_may_pass():
    totals = StepTotals(guard=False)
    totals.add(sums(1e6), None, "val")
    assert totals.means()["loss"] == 5e5


def test_an_empty_split_is_an_error():
    with pytest.raises(UserError, match="at least one batch"):
        StepTotals().means()
