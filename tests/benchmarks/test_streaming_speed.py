import pytest

from benchmarks.streaming_runs import HEADER, measure
from gsf_tf.errors import UserError


@pytest.mark.exhaustive
def test_every_column_is_measured():
    row = dict(zip(HEADER, measure("tsm_resnet14thin:delayed", 32, 4, 2, 30, 8.0), strict=True))
    assert row["model"] == "tsm_resnet14thin:delayed"
    # Four modules that wait for a frame each, at 8 frames per second, and a step.
    assert 0.5 <= float(row["delay, s"]) < 1.5
    assert all(float(row[name]) > 0 for name in HEADER[1:9] if name != "state, MB")
    assert float(row["memory, MB"]) > 50 and float(row["grown by, MB"]) < 100


def test_names_of_models():
    with pytest.raises(UserError, match="PRESET:causal or PRESET:delayed. Received: tsm"):
        measure("tsm_resnet14thin", 32, 4, 2, 0, 8.0)
