import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import RubiksShift3D
from gsf_tf.training import RUBIKSNET_GROUPS, CoupledSGD, ParameterGroup


def recipe_steps(weights, gradients_per_step, rates, momentum, l2, clip_norm):
    """The recipe's update in NumPy float64, as `torch.optim.SGD` defines it."""
    weights = [w.astype(np.float64) for w in weights]
    buffers = [np.zeros_like(w) for w in weights]
    for gradients, rate in zip(gradients_per_step, rates, strict=True):
        if clip_norm is not None:
            norm = np.sqrt(sum((g**2).sum() for g in gradients))
            gradients = [g * min(1, clip_norm / (norm + 1e-6)) for g in gradients]
        for w, b, g in zip(weights, buffers, gradients, strict=True):
            b[...] = momentum * b + (g + l2 * w)
            w -= rate * b
    return weights


@pytest.mark.parametrize("clip_norm", [None, 1.5, 1e6])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_steps_are_the_recipes(clip_norm, l2):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=(3, 2)), rng.normal(size=4)]
    gradients = [[rng.normal(size=w.shape) for w in start] for _ in range(5)]
    rates = [0.1, 0.5, 0.2, 0.05, 0.3]
    variables = [keras.Variable(w, dtype="float64") for w in start]
    optimizer = CoupledSGD(0.1, momentum=0.9, l2=l2, clip_norm=clip_norm)
    for step, rate in zip(gradients, rates, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant(g) for g in step], variables)
    expected = recipe_steps(start, gradients, rates, 0.9, l2, clip_norm)
    for ours, theirs in zip(variables, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)  # the rate is float32


def test_clipping_sees_the_gradient_of_the_global_batch():
    """Two replicas, each with half of the gradient, take the step that one takes with all."""
    gradient = np.array([3.0, -4.0])
    results = []
    for devices in (["CPU:0"], ["CPU:0", "CPU:1"]):
        # Collectives of several strategies in one process get into each other's way.
        reduction = tf.distribute.ReductionToOneDevice()
        strategy = tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)
        replicas = strategy.num_replicas_in_sync
        with strategy.scope():
            variable = keras.Variable(np.ones(2), dtype="float64")
            optimizer = CoupledSGD(0.1, l2=0.01, clip_norm=2.0)
            optimizer.build([variable])

        @tf.function
        def step(optimizer=optimizer, variable=variable, replicas=replicas):
            optimizer.apply([tf.constant(gradient / replicas)], [variable])

        for _ in range(3):
            strategy.run(step)
        results.append(np.array(variable))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)
    expected = recipe_steps([np.ones(2)], [[gradient]] * 3, [0.1] * 3, 0.9, 0.01, 2.0)
    np.testing.assert_allclose(results[0], expected[0], rtol=1e-6)


def test_differs_from_keras_sgd_when_the_rate_changes():
    """The reason for this class: with a changing rate Keras' SGD takes other steps."""
    ours, theirs = keras.Variable([1.0]), keras.Variable([1.0])
    optimizers = CoupledSGD(1.0, momentum=0.9), keras.optimizers.SGD(1.0, momentum=0.9)
    for optimizer, variable in zip(optimizers, (ours, theirs), strict=True):
        for rate in (1.0, 0.1):
            optimizer.learning_rate = rate
            optimizer.apply([tf.constant([1.0])], [variable])
    np.testing.assert_allclose(ours, [1 - 1 - 0.1 * 1.9], rtol=1e-6)
    np.testing.assert_allclose(theirs, [1 - 1 - 0.9 - 0.1], rtol=1e-6)


@pytest.mark.parametrize("shift_normalization", [None, 2, "auto"])
def test_survives_serialization(shift_normalization):
    groups = (ParameterGroup("head", 5.0, 0.5), *RUBIKSNET_GROUPS)
    optimizer = CoupledSGD(
        0.3,
        momentum=0.8,
        l2=0.02,
        clip_norm=7.0,
        clip_variables="all_but_shifts",
        groups=groups,
        shift_normalization=shift_normalization,
    )
    config = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    again = keras.optimizers.deserialize(config)
    assert isinstance(again, CoupledSGD)
    assert (again.momentum, again.l2, again.clip_norm) == (0.8, 0.02, 7.0)
    assert again.groups == groups and again.clip_variables == "all_but_shifts"
    assert again.shift_normalization == shift_normalization
    assert again.get_config() == optimizer.get_config()


def test_groups_may_be_dictionaries():
    optimizer = CoupledSGD(groups=[{"pattern": "bias", "l2": 0}])
    assert optimizer.groups == (ParameterGroup("bias", l2=0.0),)


def two_steps(optimizer, variables, gradients):
    for _ in range(2):
        optimizer.apply([tf.constant(gradient) for gradient in gradients], variables)


@pytest.mark.parametrize(
    ("spatial", "temporal"), [("fixed", "learned"), ("learned", "fixed"), ("learned", "learned")]
)
def test_fixed_rows_of_a_shift_do_not_decay(spatial, temporal):
    layer = RubiksShift3D(2, spatial=spatial, temporal=temporal)
    layer.build((None, 4, 4, 9))  # As many channels as ShiftNet has directions.
    learned = np.array([[row == "learned"] for row in (temporal, spatial, spatial)])
    before = np.array(layer.shift, np.float64)
    gradient = np.random.default_rng(0).normal(size=before.shape) * learned
    two_steps(CoupledSGD(0.5, l2=0.1), [layer.shift], [gradient.astype("float32")])
    (decayed,) = recipe_steps([before], [[gradient]] * 2, [0.5] * 2, 0.9, 0.1, None)
    after = np.array(layer.shift)
    np.testing.assert_array_equal(after[~learned[:, 0]], before[~learned[:, 0]])
    np.testing.assert_allclose(after[learned[:, 0]], decayed[learned[:, 0]], rtol=1e-5, atol=1e-6)


def test_what_is_not_trainable_does_not_decay():
    learned, frozen = keras.Variable([1.0]), keras.Variable([1.0], trainable=False)
    two_steps(CoupledSGD(1.0, momentum=0.0, l2=0.1), [learned, frozen], [[0.0], [0.0]])
    assert float(frozen[0]) == 1 and float(learned[0]) == pytest.approx(0.81)


@pytest.mark.parametrize("clip_norm", [1.5, 1e6])
def test_a_norm_over_all_variables_but_the_shifts(clip_norm):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype("float32") for shape in ((3, 4), (4, 2), (5,))]
    gradients = [rng.normal(size=x.shape).astype("float32") for x in start]
    variables = [keras.Variable(x) for x in start]
    variables[0].shift_aspect = 0.5
    optimizer = CoupledSGD(
        1.0, momentum=0.0, clip_norm=clip_norm, clip_variables="all_but_shifts",
        shift_normalization=1.0,
    )  # fmt: skip
    optimizer.apply([tf.constant(gradient) for gradient in gradients], variables)
    shift, *others = gradients
    factor = min(1, clip_norm / np.sqrt(sum((x**2).sum() for x in others)))
    assert (factor < 1) == (clip_norm == 1.5)
    expected = [shift / np.linalg.norm(shift, axis=0), *(factor * x for x in others)]
    for variable, old, step in zip(variables, start, expected, strict=True):
        np.testing.assert_allclose(old - np.array(variable), step, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "kwargs", [{"momentum": 1.0}, {"l2": -1}, {"clip_norm": 0}, {"clip_variables": "shifts"}]
)
def test_bad_arguments(kwargs):
    with pytest.raises(ValueError, match=f"Received: {next(iter(kwargs))}"):
        CoupledSGD(**kwargs)
