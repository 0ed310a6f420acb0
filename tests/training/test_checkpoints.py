import json
import pathlib
import resource

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.training import CoupledSGD
from gsf_tf.training.checkpoints import Checkpoints
from gsf_tf.training.random_states import random_states
from gsf_tf.training.run_state import RunState
from gsf_tf.training.step_totals import StepTotals
from gsf_tf.training.steps import train_step

CLIP = tf.constant(np.random.default_rng(0).integers(0, 256, (4, 2, 32, 32, 3), "uint8"))
LABEL = tf.constant([0, 1, 2, 0])


def start(directory, preset="gsf_resnet14thin", **kwargs):
    model = from_preset(preset, 3, num_segments=2, input_shape=(32, 32, 3), **kwargs)
    optimizer = CoupledSGD(0.05, l2=1e-4)
    optimizer.build(model.trainable_variables)
    checkpoint = tf.train.Checkpoint(
        model=model, optimizer=optimizer, random_states=random_states(model)
    )
    return model, optimizer, Checkpoints(directory, checkpoint)


def steps(model, optimizer, count):
    for _ in range(count):
        train_step(model, optimizer, CLIP, LABEL, global_batch_size=4, label_smoothing=0.1)


def of_variable(directory, value=0.0, size=3, keep=2):
    """Checkpoints of one variable, which is what most of the rules need."""
    variable = tf.Variable(tf.fill([size], value))
    return variable, Checkpoints(directory, tf.train.Checkpoint(variable=variable), keep)


def save_three(directory):
    variable, checkpoints = of_variable(directory, keep=3)
    for number in (1, 2, 3):
        variable.assign([float(number)] * 3)
        checkpoints.save(RunState(number, 10 * number))
    return checkpoints.names()


def test_a_restored_run_takes_the_same_steps(tmp_path):
    """Weights, moving statistics, momentum, step and the state of dropout come back."""
    model, optimizer, checkpoints = start(tmp_path, dropout=0.5)
    steps(model, optimizer, 2)
    sums = {"loss": 1 / 3, "clips": 8.0}
    best = {"epoch": 1, "top1": 0.7, "checkpoint": "epoch-0002-step-00000000"}
    checkpoints.save(RunState(2, 5, StepTotals(sums), best))
    steps(model, optimizer, 2)

    again, again_optimizer, again_checkpoints = start(tmp_path, dropout=0.5)
    state = again_checkpoints.restore_latest(pytest.fail)
    assert state.as_dict() == {"epoch": 2, "step": 5, "sums": sums, "best": best}
    assert int(again_optimizer.iterations) == 2
    steps(again, again_optimizer, 2)
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


def test_nothing_to_restore(tmp_path):
    assert of_variable(tmp_path / "none")[1].restore_latest(pytest.fail) is None


@pytest.mark.parametrize(
    ("preset", "kwargs"),
    [("gsf_resnet14thin", {"channel_ratio": 1.0}), ("tsn_resnet14thin", {})],
)
def test_a_checkpoint_of_another_model(tmp_path, preset, kwargs):
    start(tmp_path)[-1].save(RunState())
    with pytest.raises(UserError, match="the model and optimizer it was written by"):
        start(tmp_path, preset, **kwargs)[-1].restore_latest(pytest.fail)


def cut(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["weights.data-00000-of-00001", "weights.index", "state.json"])
@pytest.mark.parametrize("damage", [cut, flip_a_bit, pathlib.Path.unlink])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(tmp_path, file, damage):
    *_, second, third = save_three(tmp_path)
    damage(tmp_path / third / file)
    variable, checkpoints = of_variable(tmp_path)
    said = []
    state = checkpoints.restore_latest(said.append)
    if file == "state.json" and damage is flip_a_bit and state.epoch == 3:
        pytest.skip("the bit was in a space")
    assert (state.epoch, state.step) == (2, 20)
    np.testing.assert_array_equal(variable, [2, 2, 2])
    assert checkpoints.names()[-1] == second
    if damage is pathlib.Path.unlink and file == "state.json":
        assert not said  # So a folder looks that was being deleted.
    else:
        assert third in said[0] and "The one before it is taken" in said[0]
        assert (tmp_path / f"damaged-{third}").is_dir()


def test_all_damaged(tmp_path):
    for name in save_three(tmp_path):
        flip_a_bit(tmp_path / name / "weights.data-00000-of-00001")
    with pytest.raises(UserError, match="All in .* are damaged"):
        of_variable(tmp_path)[1].restore_latest(lambda line: None)


def test_the_newest_and_the_best_stay(tmp_path):
    variable, checkpoints = of_variable(tmp_path, keep=2)
    best = None
    for epoch in range(1, 7):
        name = checkpoints.save(RunState(epoch, best=best))
        if epoch == 3:
            best = {"epoch": 2, "top1": 0.5, "checkpoint": name}
    assert checkpoints.names() == [f"epoch-000{epoch}-step-00000000" for epoch in (3, 5, 6)]


def test_what_a_killed_process_left_is_removed(tmp_path):
    names = save_three(tmp_path)
    (tmp_path / names[0] / "state.json").unlink()
    (tmp_path / "epoch-0004-step-00000001.partial").mkdir()
    of_variable(tmp_path)[1].restore_latest(pytest.fail)
    assert sorted(path.name for path in tmp_path.iterdir()) == names[1:]


def test_a_full_disk_leaves_the_earlier_checkpoints(tmp_path):
    """A write that really fails: no file may grow beyond a hundredth of the checkpoint."""
    variable, checkpoints = of_variable(tmp_path, 1.0, size=2_000_000)
    first = checkpoints.save(RunState(1))
    variable.assign(tf.fill([2_000_000], 2.0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, hard))
    try:
        with pytest.raises(UserError, match=f"(?s)must be written whole.*{first}.*Make room"):
            checkpoints.save(RunState(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == [first]
    again, again_checkpoints = of_variable(tmp_path, size=2_000_000)
    assert again_checkpoints.restore_latest(pytest.fail).epoch == 1
    assert np.all(again == 1.0)


def test_an_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    _, checkpoints = of_variable(tmp_path / "file" / "checkpoints")
    with pytest.raises(UserError, match="there is none yet"):
        checkpoints.save(RunState())


def test_what_is_written_describes_its_files(tmp_path):
    name = save_three(tmp_path)[0]
    files = json.loads((tmp_path / name / "state.json").read_text())["files"]
    assert files.keys() == {"weights.data-00000-of-00001", "weights.index"}
    for file, entry in files.items():
        assert entry["bytes"] == (tmp_path / name / file).stat().st_size


@pytest.mark.parametrize("name", ["run [1]", "a*b", "a?", "back\\slash", "[", "new\nline", "12:30"])
def test_the_folder_may_have_any_name(tmp_path, name):
    variable, checkpoints = of_variable(tmp_path / name / "checkpoints", 1.5)
    checkpoints.save(RunState(1, 4))
    variable.assign([0.0] * 3)
    assert checkpoints.restore_latest(pytest.fail).step == 4
    assert variable.numpy().tolist() == [1.5] * 3
