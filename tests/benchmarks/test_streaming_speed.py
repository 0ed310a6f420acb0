import pytest

from benchmarks.streaming_runs import HEADER, measure, memory_columns
from gsf_tf.errors import UserError


@pytest.mark.exhaustive
def test_every_column_is_measured():
    name = "tsm_resnet14thin:delayed"
    columns = measure(name, 32, 4, 2, 8.0) + memory_columns(name, 32, 4, 30)
    row = dict(zip(HEADER, columns, strict=True))
    assert row["model"] == name
    # Four modules that wait for a frame each, at 8 frames per second, and a step.
    assert 0.5 <= float(row["delay, s"]) < 1.5
    assert all(float(row[name]) > 0 for name in HEADER[1:11] if name != "state, MB")
    assert float(row["memory, MB"]) > 50 and float(row["grown by, MB"]) < 100


def test_names_of_models():
    with pytest.raises(UserError, match="PRESET:causal or PRESET:delayed. Received: tsm"):
        measure("tsm_resnet14thin", 32, 4, 2, 8.0)
