import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.models import from_preset
from gsf_tf.training import CoupledSGD
from gsf_tf.training.gradient_accumulator import GradientAccumulator
from gsf_tf.training.steps import evaluation_step, train_step
from tests.training.toy_shift import toy_batch, toy_model

CLIP = tf.constant(np.random.default_rng(0).integers(0, 256, (4, 2, 32, 32, 3), "uint8"))
LABEL = tf.constant([0, 1, 2, 0])


def gsf_model():
    keras.utils.set_random_seed(0)
    return from_preset("gsf_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3), dropout=0.0)


def floats(sums):
    return {name: float(value) for name, value in sums.items()}


def take_step(labels, label_smoothing=0.0, class_weights=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([2, 4, 4, 3]), keras.layers.Flatten(),
                              keras.layers.Dense(3)])  # fmt: skip
    optimizer = CoupledSGD(0.1)
    optimizer.build(model.trainable_variables)
    clips = tf.constant(np.random.default_rng(0).random([4, 2, 4, 4, 3]), tf.float32)
    logits = model(clips).numpy().astype(np.float64)
    sums = train_step(model, optimizer, clips, tf.constant(labels),
                      global_batch_size=4, label_smoothing=label_smoothing,
                      class_weights=class_weights)  # fmt: skip
    return floats(sums), logits, model.get_weights()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_one_hot_labels_are_integer_labels(label_smoothing):
    labels = np.array([0, 2, 1, 1], np.int32)
    by_index, _, weights = take_step(labels, label_smoothing)
    by_share, _, other_weights = take_step(np.eye(3, dtype=np.float32)[labels], label_smoothing)
    assert by_index == by_share
    for first, second in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_mixed_labels_have_the_mixed_loss():
    shares = np.array([[0.3, 0.7, 0], [1, 0, 0], [0, 0.4, 0.6], [0.2, 0, 0.8]], np.float32)
    sums, logits, _ = take_step(shares)
    assert sums["loss"] == pytest.approx(-(shares * log_softmax(logits)).sum(), rel=1e-5)
    assert sums["top1"] == (logits.argmax(1) == [1, 0, 2, 2]).sum()
    assert sums["clips"] == 4 and sums["broken"] == 0


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_sums_against_numpy():
    model = gsf_model()
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape))
    logits = np.asarray(model(CLIP), np.float64)
    sums = floats(evaluation_step(model, CLIP, LABEL))
    assert sums["clips"] == 4 and sums["top5"] == 4
    assert sums["loss"] == pytest.approx(-log_softmax(logits)[range(4), LABEL].sum(), rel=1e-4)
    assert sums["top1"] == (logits.argmax(-1) == LABEL.numpy()).sum()


def test_class_weights_weigh_losses_and_shares():
    """The gradient and the loss are those of the weighted clips; hits are counted as before."""
    weights = tf.constant([0.5, 1.0, 3.0])
    for label in (np.array([0, 2, 1, 1], np.int32), np.float32([[0.3, 0.7, 0], [1, 0, 0]] * 2)):
        plain, logits, _ = take_step(label)
        weighted, _, _ = take_step(label, class_weights=weights)
        shares = np.eye(3)[label] if label.ndim == 1 else label
        losses = -(shares * log_softmax(logits)).sum(1) * (shares @ weights.numpy())
        assert weighted["loss"] == pytest.approx(losses.sum(), rel=1e-5)
        assert weighted["top1"] == plain["top1"] and weighted["clips"] == 4


def test_a_replica_without_clips_adds_nothing():
    sums = floats(evaluation_step(gsf_model(), CLIP[:0], LABEL[:0]))
    assert sums == dict.fromkeys(("loss", "top1", "top5", "clips"), 0.0)


def test_label_smoothing_against_numpy():
    model, optimizer = gsf_model(), CoupledSGD(0.05, l2=1e-4)
    optimizer.build(model.trainable_variables)
    logits = np.asarray(model(CLIP, training=True), np.float64)
    target = np.eye(3)[LABEL] * 0.7 + 0.1
    sums = train_step(model, optimizer, CLIP, LABEL, global_batch_size=4, label_smoothing=0.3)
    assert float(sums["loss"]) == pytest.approx(-(target * log_softmax(logits)).sum(), rel=1e-4)


def toy_run(steps=3, parts=1, jit_compile=False):
    """Takes steps on a batch of eight clips, in one or several parts; returns all that changes."""
    clip, label = toy_batch()
    model = toy_model()
    optimizer = CoupledSGD(0.5, l2=0.05, clip_norm=1.5, shift_normalization=1.0)
    optimizer.build(model.trainable_variables)
    accumulator = GradientAccumulator(model.trainable_variables, parts) if parts > 1 else None
    losses, size = [], 8 // parts
    for _ in range(steps):
        loss = 0.0
        for part in range(parts):
            sums = train_step(
                model,
                optimizer,
                clip[part * size : (part + 1) * size],
                label[part * size : (part + 1) * size],
                global_batch_size=8,
                label_smoothing=0.1,
                accumulator=accumulator,
                update=part == parts - 1,
                jit_compile=jit_compile,
            )
            loss += float(sums["loss"])
        losses.append(loss)
    return losses, int(optimizer.iterations), model.get_weights()


@pytest.mark.parametrize("options", [{"parts": 4}, {"parts": 2}, {"jit_compile": True}])
def test_accumulated_batches_and_xla_take_the_steps_of_one_batch(options):
    losses, iterations, weights = toy_run()
    other_losses, other_iterations, other_weights = toy_run(**options)
    np.testing.assert_allclose(losses, other_losses, rtol=1e-5)
    assert iterations == other_iterations == 3
    for one, other in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def two_tasks():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    heads = {
        "verb": keras.layers.Dense(3, name="verb")(inputs),
        "action": keras.layers.Dense(7, name="action")(inputs),
    }
    return keras.Model(inputs, heads)


def test_the_loss_of_several_tasks_is_their_weighted_sum():
    model = two_tasks()
    optimizer = CoupledSGD(0.1)
    optimizer.build(model.trainable_variables)
    clip, verb = toy_batch(6)
    label = {"verb": verb, "action": tf.constant([0, 6, 3, 3, 1, 2])}
    logits = {task: output.numpy().astype(np.float64) for task, output in model(clip).items()}
    losses = {t: -log_softmax(logits[t])[range(6), label[t]].sum() for t in logits}
    top1 = {t: (logits[t].argmax(1) == label[t].numpy()).sum() for t in logits}
    weights = {"verb": 0.5, "action": 2.0}
    evaluated = floats(evaluation_step(model, clip, label, task_weights=weights))
    trained = floats(
        train_step(
            model,
            optimizer,
            clip,
            label,
            global_batch_size=6,
            label_smoothing=0.0,
            task_weights=weights,
        )
    )
    for sums in (evaluated, trained):
        assert sums["loss"] == pytest.approx(0.5 * losses["verb"] + 2 * losses["action"], rel=1e-5)
        assert (sums["top1"], sums["verb_top1"]) == (top1["action"], top1["verb"])
        assert sums["verb_top5"] == 6
    nothing = evaluation_step(model, clip[:0], {t: label[t][:0] for t in label}, weights)
    assert nothing.keys() == evaluated.keys()


@pytest.mark.parametrize("what", ["weights", "gradient"])
def test_what_is_not_finite_is_noticed(what):
    clip, label = toy_batch()
    # The root of zero has no derivative.
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(4, kernel_initializer="zeros", activation=keras.ops.sqrt),
            keras.layers.Dense(3, name="classifier"),
        ]
    )
    optimizer = CoupledSGD(0.1)
    optimizer.build(model.trainable_variables)
    if what == "weights":
        model.get_layer("classifier").bias.assign([np.nan] * 3)
    sums = train_step(model, optimizer, clip, label, global_batch_size=8, label_smoothing=0.0)
    assert float(sums["broken"]) == 1
    assert np.isfinite(float(sums["loss"])) == (what == "gradient")
