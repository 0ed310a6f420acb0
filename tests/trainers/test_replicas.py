"""The trainer's loop on one and on two devices (tests/conftest.py splits the CPU)."""

import functools

import keras
import numpy as np
import pytest
import rich.progress
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.training import CoupledSGD
from gsf_tf.training.steps import evaluation_step, train_step
from trainers.train import distributed, run_epoch

CLIPS = np.random.default_rng(0).integers(0, 256, (13, 2, 32, 32, 3), "uint8")
LABELS = np.arange(13, dtype="int32") % 3


def run(devices, batch_size, training):
    # Collectives of several strategies in one process get into each other's way.
    strategy = tf.distribute.MirroredStrategy(
        [f"CPU:{i}" for i in range(devices)], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = from_preset("gsf_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
        optimizer = CoupledSGD(0.01, clip_norm=20.0)
        optimizer.build(model.trainable_variables)
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    step = functools.partial(evaluation_step, model)
    if training:
        step = functools.partial(
            train_step, model, optimizer, global_batch_size=batch_size, label_smoothing=0.0
        )
    dataset = tf.data.Dataset.from_tensor_slices((CLIPS, LABELS)).batch(batch_size, training)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    with rich.progress.Progress(disable=True) as progress:
        task = progress.add_task("", info="")
        dataset = dataset.with_options(options)
        return run_epoch(strategy, distributed(strategy, step), dataset, progress, task)


def test_evaluation_is_exact_on_two_devices_though_one_is_left_without_clips():
    one, two = run(1, 4, training=False), run(2, 4, training=False)
    assert one.keys() == two.keys() == {"loss", "top1", "top5"}
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=1e-5)


def test_two_devices_train():
    means = run(2, 4, training=True)
    assert np.isfinite(means["loss"]) and 0 <= means["top1"] <= means["top5"] <= 1


def test_an_empty_split_is_an_error():
    with pytest.raises(UserError, match="at least one batch"):
        run(1, 14, training=True)
