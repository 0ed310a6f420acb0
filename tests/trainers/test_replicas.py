"""The trainer's steps on one and on two devices (tests/conftest.py splits the CPU)."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import BatchNormalization, GateShiftFuse, RubiksShift3D
from gsf_tf.models import SegmentModel
from gsf_tf.training import RUBIKSNET_GROUPS, CoupledSGD
from gsf_tf.training.batch_feed import BatchFeed
from gsf_tf.training.batch_norm import configure_batch_norm
from gsf_tf.training.broadcast_statistics import broadcast_statistics
from gsf_tf.training.devices import Devices
from gsf_tf.training.distributed import distributed
from gsf_tf.training.gradient_accumulator import GradientAccumulator
from gsf_tf.training.moving_average import MovingAverage
from gsf_tf.training.random_states import random_states, separate_replicas
from gsf_tf.training.step_totals import StepTotals
from gsf_tf.training.steps import evaluation_step, train_step
from tests import exhaustive

CLIPS = np.random.default_rng(0).integers(0, 256, (13, 2, 16, 16, 3), "uint8")
LABELS = np.arange(13, dtype="int32") % 3


def mirrored(devices):
    # Collectives of several strategies in one process get into each other's way.
    return tf.distribute.MirroredStrategy(
        [f"CPU:{i}" for i in range(devices)], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def backbone():
    """Layers of both papers' kinds, small enough to be traced once per device."""
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, name="conv1")(inputs)
    x = keras.layers.ReLU()(BatchNormalization(name="bn1")(x))
    x = GateShiftFuse(2, channel_ratio=0.5, name="gsf")(x)
    x = RubiksShift3D(2, name="shift")(keras.layers.Conv2D(8, 1, name="conv2")(x))
    x = keras.layers.ReLU()(BatchNormalization(name="bn2")(x))
    return keras.Model(inputs, x, name="small")


def build(strategy, dropout=0.0, synchronized=True, precision="float32"):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(precision)
    with strategy.scope():
        model = SegmentModel(backbone(), 3, num_segments=2, dropout=dropout)
        configure_batch_norm(model, momentum=0.9, synchronized=synchronized, frozen="none")
        optimizer = CoupledSGD(
            0.05, l2=5e-4, clip_norm=20.0, groups=RUBIKSNET_GROUPS, shift_normalization=1.0
        )
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    keras.config.set_dtype_policy("float32")
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(1).normal(scale=0.3, size=kernel.shape))
    return model, optimizer


def batches(batch_size, drop_remainder, devices):
    """The clips of every batch in turn to each worker, as `video_dataset_from_records` deals."""
    clips = tf.data.Dataset.from_tensor_slices((CLIPS, LABELS))
    clips = clips.shard(devices.num_workers, devices.worker)
    return clips.batch(batch_size // devices.num_workers, drop_remainder)


@functools.cache
def train(devices, **kwargs):
    """Returns the losses of some steps with the same global batch, and all weights after them."""
    return train_on(Devices(mirrored(devices)), **kwargs)


def train_on(devices, steps=10, batch_size=12, parts=1, precision="float32"):
    """Trains on devices, each worker of which gives its share of the batches."""
    strategy = devices.strategy
    model, optimizer = build(strategy, precision=precision)
    with strategy.scope():
        average = MovingAverage(model, 0.5)
        accumulator = GradientAccumulator(model.trainable_variables, parts)
    step = functools.partial(
        train_step,
        model,
        optimizer,
        global_batch_size=batch_size,
        label_smoothing=0.1,
        average=average,
        accumulator=accumulator if parts > 1 else None,
    )
    update = distributed(strategy, step)
    accumulate = distributed(strategy, functools.partial(step, update=False))
    losses = []
    for _ in range(steps):
        totals = StepTotals()
        # drop_remainder keeps the twelve clips of one step.
        share = batches(batch_size // parts, True, devices).take(parts)
        feed = BatchFeed(strategy, share)
        for number, (batch, _) in enumerate(feed, start=1):
            totals.add((update if number == parts else accumulate)(batch), None, "")
        losses.append(totals.means()["loss"])
    with average.applied():
        averages = model.get_weights()
    return losses, model.get_weights(), averages


def test_two_devices_are_one():
    """GSF, its gate's normalization, RubiksShift and its normalized gradients, the average."""
    one, two = train(1), train(2)
    assert one[0][-1] < one[0][0] - 0.01
    np.testing.assert_allclose(one[0], two[0], rtol=1e-5)
    for ours, theirs in zip(one[1] + one[2], two[1] + two[2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_accumulation_on_two_devices():
    """The parts are normalized each by itself, so that only devices must not matter."""
    one, two = train(1, steps=3, parts=3), train(2, steps=3, parts=3)
    np.testing.assert_allclose(one[0], two[0], rtol=1e-5)


@pytest.mark.parametrize(
    "precision",
    exhaustive.cases(["mixed_bfloat16", "mixed_float16"], lambda name: name == "mixed_bfloat16"),
)
def test_half_precision_on_two_devices(precision):
    """Near one device in float32; the two halves of a batch are rounded each by itself."""
    losses, weights, _ = train(2, steps=3, precision=precision)
    np.testing.assert_allclose(losses, train(1)[0][:3], rtol=0.02)
    assert losses[-1] < losses[0] and all(np.isfinite(weight).all() for weight in weights)


def train_on_sizes(strategy, sizes, synchronized):
    """Takes a step on the first clips of each number; returns the sums of each and the model."""
    model, optimizer = build(strategy, synchronized=synchronized)
    step = functools.partial(train_step, model, optimizer, global_batch_size=6, label_smoothing=0.1)
    step, sums = distributed(strategy, step), []
    for size in sizes:
        dataset = tf.data.Dataset.from_tensors((CLIPS[:size], LABELS[:size]))
        for batch, _ in BatchFeed(strategy, dataset):
            sums.append({name: float(value) for name, value in step(batch).items()})
    return sums, model


@pytest.mark.parametrize(
    "sizes", exhaustive.cases([[5, 1], [5, 1, 3]], lambda sizes: len(sizes) == 2)
)
def test_unequal_shares_are_weighted_by_their_clips(sizes):
    """3 and 2 clips, then 1 and none, then 2 and 1; the statistics are those of all together."""
    (one, model), (two, other) = (
        train_on_sizes(mirrored(devices), sizes, synchronized=True) for devices in (1, 2)
    )
    assert [sums["clips"] for sums in one] == sizes
    for ours, theirs in zip(two, one, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_replica_without_clips_takes_no_part():
    """The step is that of one device, and the statistics of the empty replica stay."""
    (one, model), (two, other) = (
        train_on_sizes(mirrored(devices), (1,), synchronized=False) for devices in (1, 2)
    )
    assert two == [pytest.approx(one[0], rel=1e-5)] and one[0]["clips"] == 1
    start, _ = build(mirrored(1))
    statistics = 0
    for ours, theirs, before in zip(other.weights, model.weights, start.weights, strict=True):
        first, second = ours.value.values
        np.testing.assert_allclose(first, theirs, rtol=1e-4, atol=1e-6)
        if "moving" in ours.name:
            np.testing.assert_array_equal(second, before)
            statistics += int(np.any(first != second))
        else:
            np.testing.assert_array_equal(second, first)
    assert statistics == 6


def evaluate(devices, batch_size=4):
    """Returns the means over all clips, those of each worker added up."""
    strategy = devices.strategy
    model, _ = build(strategy)
    evaluation = functools.partial(evaluation_step, model)
    step = distributed(strategy, evaluation, over_workers=False)
    totals = StepTotals()
    for batch, _ in BatchFeed(strategy, batches(batch_size, False, devices)):
        totals.add(step(batch), None, "")
    return totals.means_over(devices)


def test_evaluation_is_exact_on_two_devices_though_one_is_left_without_clips():
    one, two = evaluate(Devices(mirrored(1))), evaluate(Devices(mirrored(2)))
    assert one.keys() == two.keys() == {"loss", "top1", "top5"}
    for name, value in one.items():
        assert two[name] == pytest.approx(value, rel=1e-5)


def test_evaluation_has_the_statistics_of_the_first_replica():
    strategy = mirrored(2)
    model, optimizer = build(strategy, synchronized=False)
    step = functools.partial(
        train_step, model, optimizer, global_batch_size=12, label_smoothing=0.0
    )
    for batch, _ in BatchFeed(strategy, batches(12, True, Devices(strategy))):
        distributed(strategy, step)(batch)
    statistics = [w.value.values for w in model.non_trainable_weights if "moving" in w.name]
    before = [first.numpy() for first, _ in statistics]
    assert any(not np.array_equal(first, second) for first, second in statistics)
    broadcast_statistics(model, Devices(strategy))
    for (first, second), value in zip(statistics, before, strict=True):
        np.testing.assert_array_equal(first, value)
        np.testing.assert_array_equal(second, value)


def dropped(strategy, layer):
    """Returns which of a thousand units each replica's dropout leaves out."""
    run = tf.function(lambda: strategy.run(lambda: layer(tf.ones([1, 1000]), training=True)))
    return [mask.numpy() == 0 for mask in strategy.experimental_local_results(run())]


def test_replicas_draw_masks_of_their_own_also_after_a_restart(tmp_path):
    strategy = mirrored(2)
    model, _ = build(strategy, dropout=0.5)
    states = random_states(model)
    separate_replicas(states)
    layer = model.get_layer("dropout")
    checkpoint = tf.train.Checkpoint(random_states=states)
    path = checkpoint.write(str(tmp_path / "states"))
    first, second = dropped(strategy, layer)
    assert 0.4 < first.mean() < 0.6 and 0.4 < second.mean() < 0.6
    assert (first != second).mean() > 0.4
    assert (first != dropped(strategy, layer)[0]).mean() > 0.4

    checkpoint.read(path)
    separate_replicas(states)
    for mask, again in zip((first, second), dropped(strategy, layer), strict=True):
        np.testing.assert_array_equal(mask, again)


def test_a_replica_whose_gradient_overflows_holds_all_back():
    """Loss scaling skips the step everywhere, not only where the first replica says so."""
    strategy = mirrored(2)
    with strategy.scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        optimizer = keras.optimizers.LossScaleOptimizer(CoupledSGD(0.1), initial_scale=2.0)
        optimizer.build(model.trainable_variables)
    before = model.get_weights()
    step = functools.partial(train_step, model, optimizer, global_batch_size=2, label_smoothing=0.0)
    clip = tf.constant([[1.0, 1.0], [3e38, -3e38]])
    dataset = tf.data.Dataset.from_tensors((clip, tf.constant([0, 1])))
    for batch, _ in BatchFeed(strategy, dataset):
        distributed(strategy, step)(batch)
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert float(optimizer.dynamic_scale.numpy()) == 1.0
