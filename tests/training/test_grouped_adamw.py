import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.training import GroupedAdamW, ParameterGroup

RNG = np.random.default_rng(0)


def variables():
    with keras.name_scope("body"):
        body = keras.Variable(np.float32([1.0, -2.0, 3.0]), name="kernel")
    with keras.name_scope("head"):
        head = keras.Variable(np.float32([0.5, 0.25]), name="kernel")
    return [body, head]


GRADIENTS = [[RNG.normal(size=3), RNG.normal(size=2)] for _ in range(6)]


def moved(optimizer, gradients=GRADIENTS, begin=0):
    """The values after steps, of which the body takes part from `begin` on."""
    trained = variables()
    optimizer.build(trained)
    for step, values in enumerate(gradients):
        first = 0 if step >= begin else 1
        values = [tf.constant(value, tf.float32) for value in values]
        optimizer.apply(values[first:], trained[first:])
    return [np.array(variable) for variable in trained]


def adamw(weight, gradients, rate, decay):
    """Algorithm 2 of the paper in NumPy."""
    m, v = np.zeros_like(weight), np.zeros_like(weight)
    for t, gradient in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        update = (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.999**t))
        weight = weight - rate * (update + decay * weight)
    return weight


def test_without_groups_it_is_that_of_keras():
    ours = moved(GroupedAdamW(0.1, weight_decay=0.2))
    theirs = moved(keras.optimizers.AdamW(0.1, weight_decay=0.2))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("begin", [0, 3])
def test_groups_and_a_late_beginning_against_numpy(begin):
    """A variable that is trained from the fourth step on begins like a new one."""
    group = ParameterGroup("head/", learning_rate=3.0, l2=0.5)
    body, head = moved(GroupedAdamW(0.1, weight_decay=0.2, groups=[group]), begin=begin)
    gradients = [np.array([g[i] for g in GRADIENTS], object) for i in (0, 1)]
    expected = adamw(np.array([1.0, -2.0, 3.0]), gradients[0][begin:].astype(float), 0.1, 0.2)
    np.testing.assert_allclose(body, expected, rtol=1e-4)
    expected = adamw(np.array([0.5, 0.25]), gradients[1].astype(float), 0.3, 0.1)
    np.testing.assert_allclose(head, expected, rtol=1e-4)


def test_clipping_is_that_of_the_global_batch():
    """Two replicas whose gradients cancel but for a rest."""
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        trained = variables()
        # With this epsilon an update is proportional to the gradient.
        optimizer = GroupedAdamW(1e6, clip_norm=1.0, epsilon=1e6, beta_1=0.0, beta_2=0.0)
        optimizer.build(trained)

    @tf.function
    def step():
        def on_replica():
            sign = 1.0 - 2.0 * tf.cast(
                tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32
            )
            optimizer.apply([sign * tf.constant([9.0, 9.0, 9.0]) + tf.constant([3.0, 0.0, 0.0]),
                             tf.constant([4.0, 0.0])], trained)  # fmt: skip

        strategy.run(on_replica)

    before = [np.array(variable) for variable in trained]
    step()
    # The sum is (6, 0, 0) and (8, 0), whose norm is 10.
    changes = [np.array(v) - old for v, old in zip(trained, before, strict=True)]
    np.testing.assert_allclose(changes[0], [-0.6, 0, 0], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(changes[1], [-0.8, 0], rtol=1e-3, atol=1e-6)


def test_its_configuration_makes_it_again():
    optimizer = GroupedAdamW(0.1, 0.2, 5.0, [ParameterGroup("a", 2.0)], beta_1=0.8)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert again.groups == (ParameterGroup("a", 2.0),)


@pytest.mark.parametrize("values", [{"weight_decay": -0.1}, {"clip_norm": 0.0}])
def test_bad_arguments(values):
    with pytest.raises(ValueError, match=f"Received: {next(iter(values))}="):
        GroupedAdamW(0.1, **values)
