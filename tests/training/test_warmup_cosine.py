import math

import keras
import pytest

from gsf_tf.training import WarmupCosine


def test_values_at_the_edges():
    schedule = WarmupCosine(0.01, total_steps=60, warmup_steps=10)
    assert float(schedule(0)) == pytest.approx(0.001)
    assert float(schedule(5)) == pytest.approx(0.001 + 0.009 / 2)
    assert float(schedule(10)) == pytest.approx(0.01)
    assert float(schedule(35)) == pytest.approx(0.005)
    assert float(schedule(59)) == pytest.approx(0.005 * (1 + math.cos(math.pi * 49 / 50)))
    assert float(schedule(60)) == pytest.approx(0, abs=1e-9)
    assert float(schedule(1000)) == pytest.approx(0, abs=1e-9)


def test_without_warm_up_it_starts_at_the_peak():
    assert float(WarmupCosine(0.5, total_steps=4)(0)) == pytest.approx(0.5)


def test_survives_serialization():
    schedule = WarmupCosine(0.01, 60, 10)
    serialized = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(serialized)
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize("arguments", [(0, 10, 0), (1, 10, 10), (1, 10, -1)])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match="Received"):
        WarmupCosine(*arguments)
