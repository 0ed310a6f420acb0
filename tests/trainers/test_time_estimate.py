import pytest

from gsf_tf.data import DatasetInfo
from gsf_tf.training.run_state import RunState
from tests.trainers.small_run import small_config
from trainers.time_estimate import estimate_line, expected_seconds, in_words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "about 1 s"), (59.2, "about 60 s"), (2520, "about 42 min"), (11520, "about 3.2 h")],
)
def test_times_in_words(seconds, text):
    assert in_words(seconds) == text


@pytest.mark.parametrize("compared", [0, 2])
def test_the_time_is_that_of_steps_validations_and_starts(records, compared):
    """10 epochs of 6 steps from the third step of the second on; validation is a third as long."""
    info = DatasetInfo.load(str(records))
    values = {"epochs": 10, "eval_every_epochs": 4, "batch_norm.compare_batches": compared}
    config = small_config(records, **values)
    state = RunState(epoch=2, step=3)
    validations = 3  # After epochs 4, 8 and 10.
    clips = info.num_clips("val") + 2 * compared * 8
    steps = (9 * 6 - 3) * 2.0 + validations * clips / 8 * 2.0 / 3
    starts = (9 + validations) * 5.0
    assert expected_seconds(config, info, state, 6, 5.0, 2.0) == pytest.approx(steps + starts)
    config.freeze_backbone_epochs = 4
    saved = (3 * 6 - 3) * 2.0 * 2 / 3  # Epochs 2 to 4 have no backward pass.
    expected = steps + starts - saved
    assert expected_seconds(config, info, state, 6, 5.0, 2.0) == pytest.approx(expected)
    config.freeze_backbone_epochs = 1  # It is over.
    assert expected_seconds(config, info, state, 6, 5.0, 2.0) == pytest.approx(steps + starts)
    config.early_stopping_epochs = 3
    line = estimate_line(config, state, 6, steps + starts, 2.0)
    assert "at most, if it does not stop early, for 9 epochs of 6 steps of 2 s (4 clips/s)" in line
