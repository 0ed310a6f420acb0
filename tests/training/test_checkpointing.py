import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.training import CoupledSGD
from gsf_tf.training.checkpointing import checkpoint_manager, restore_latest
from gsf_tf.training.steps import evaluation_step, train_step

CLIP = tf.constant(np.random.default_rng(0).integers(0, 256, (4, 2, 32, 32, 3), "uint8"))
LABEL = tf.constant([0, 1, 2, 0])


def start(directory, preset="gsf_resnet14thin", **kwargs):
    model = from_preset(preset, 3, num_segments=2, input_shape=(32, 32, 3), **kwargs)
    optimizer = CoupledSGD(0.05, l2=1e-4)
    optimizer.build(model.trainable_variables)
    return model, optimizer, *checkpoint_manager(model, optimizer, directory)


def steps(model, optimizer, count):
    for _ in range(count):
        train_step(model, optimizer, CLIP, LABEL, global_batch_size=4, label_smoothing=0.1)


def test_a_restored_run_takes_the_same_steps(tmp_path):
    """Weights, moving statistics, momentum, step and the state of dropout come back."""
    model, optimizer, manager, epoch = start(tmp_path, dropout=0.5)
    steps(model, optimizer, 2)
    epoch.assign(7)
    manager.save(checkpoint_number=7)
    steps(model, optimizer, 2)

    again, again_optimizer, again_manager, again_epoch = start(tmp_path, dropout=0.5)
    assert restore_latest(again_manager).endswith("ckpt-7")
    assert int(again_epoch) == 7 and int(again_optimizer.iterations) == 2
    steps(again, again_optimizer, 2)
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=ours.path)


def test_nothing_to_restore(tmp_path):
    _, _, manager, epoch = start(tmp_path)
    assert restore_latest(manager) is None
    assert int(epoch) == 0


@pytest.mark.parametrize(
    ("preset", "kwargs"),
    [("gsf_resnet14thin", {"channel_ratio": 1.0}), ("tsn_resnet14thin", {})],
)
def test_a_checkpoint_of_another_model(tmp_path, preset, kwargs):
    *_, manager, _ = start(tmp_path)
    manager.save(checkpoint_number=1)
    *_, other, _ = start(tmp_path, preset, **kwargs)
    with pytest.raises(UserError, match="the model and optimizer it was written by"):
        restore_latest(other)


def test_a_damaged_checkpoint(tmp_path):
    *_, manager, _ = start(tmp_path)
    path = manager.save(checkpoint_number=1)
    with open(f"{path}.data-00000-of-00001", "r+b") as file:
        file.truncate(1000)
    *_, again, _ = start(tmp_path)
    with pytest.raises(UserError, match="does not fit"):
        restore_latest(again)


def test_sums_against_numpy():
    model, *_ = start("unused")
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    logits = np.asarray(model(CLIP), np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    sums = {name: float(value) for name, value in evaluation_step(model, CLIP, LABEL).items()}
    assert sums["clips"] == 4 and sums["top5"] == 4
    assert sums["loss"] == pytest.approx(-log_probabilities[range(4), LABEL].sum(), rel=1e-4)
    assert sums["top1"] == (logits.argmax(-1) == LABEL.numpy()).sum()


def test_a_replica_without_clips_adds_nothing():
    model, *_ = start("unused")
    sums = evaluation_step(model, CLIP[:0], LABEL[:0])
    assert {name: float(value) for name, value in sums.items()} == dict.fromkeys(
        ("loss", "top1", "top5", "clips"), 0.0
    )


def test_label_smoothing_against_numpy():
    model, optimizer, *_ = start("unused", dropout=0.0)
    logits = np.asarray(model(CLIP, training=True), np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    target = np.eye(3)[LABEL] * 0.7 + 0.1
    sums = train_step(model, optimizer, CLIP, LABEL, global_batch_size=4, label_smoothing=0.3)
    assert float(sums["loss"]) == pytest.approx(-(target * log_probabilities).sum(), rel=1e-4)
