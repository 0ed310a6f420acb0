import keras
import pytest

from gsf_tf.training import WarmupSteps


def test_it_rises_and_falls_in_steps():
    schedule = WarmupSteps(2.0, boundaries=[20, 40], factor=0.1, warmup_steps=10)
    rates = [float(schedule(step)) for step in (0, 5, 10, 19, 20, 39, 40, 100)]
    assert rates == pytest.approx([0.2, 1.1, 2.0, 2.0, 0.2, 0.2, 0.02, 0.02])


def test_without_warm_up_it_begins_at_the_peak():
    schedule = WarmupSteps(2.0, boundaries=[3])
    assert [float(schedule(step)) for step in (0, 2, 3)] == pytest.approx([2.0, 2.0, 0.2])
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    "values",
    [
        {"peak": 0.0},
        {"boundaries": [3, 3]},
        {"boundaries": [0, 3]},
        {"boundaries": [5, 3]},
        {"factor": 1.0},
        {"warmup_steps": -1},
    ],
)
def test_bad_arguments(values):
    with pytest.raises(ValueError, match=f"Received: {next(iter(values))}="):
        WarmupSteps(**{"peak": 1.0, "boundaries": [3], **values})
