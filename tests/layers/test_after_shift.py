"""The layers that run as one op with the RubiksShift before them."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import layers, ops
from gsf_tf.layers.add import Add
from gsf_tf.layers.conv_2d import Conv2D
from gsf_tf.models import from_preset

pytestmark = pytest.mark.usefixtures("ops_path")

COMPILED = pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
SHAPE = (4, 5, 5, 6)


def random_input(dtype="float32"):
    return tf.cast(np.random.default_rng(0).normal(size=SHAPE), dtype)


def block(first=Conv2D, addition=Add, dtype="float32", **options):
    """A shift, a convolution and a sum, and the function of the three."""
    options = {
        "use_bias": False,
        "kernel_initializer": keras.initializers.GlorotUniform(1),
    } | options
    shift = layers.RubiksShift3D(
        2,
        dtype=dtype,
        spatial_initializer=keras.initializers.RandomUniform(-1, 1, seed=2),
        temporal_initializer=keras.initializers.RandomUniform(-1, 1, seed=3),
    )
    convolution, add = first(6, 1, dtype=dtype, **options), addition(dtype=dtype)
    return [shift, convolution, add], lambda x: add([x, convolution(shift(x))])


def ops_that_run(function, x):
    """Counts the ops that the result of a graph depends on."""
    kinds = collections.Counter(op.type for op in all_ops_that_run(function, x))
    return {kind: kinds[kind] for kind in kinds if "Rubiks" in kind or kind in ("Conv2D", "AddV2")}


def all_ops_that_run(function, x):
    graph = tf.function(function).get_concrete_function(x)
    seen, waiting = set(), [graph.graph.outputs[0].op]
    while waiting:
        op = waiting.pop()
        if op not in seen:
            seen.add(op)
            waiting += [tensor.op for tensor in op.inputs]
    return seen


@COMPILED
def test_three_layers_are_one_op_in_a_graph():
    _, run = block()
    assert ops_that_run(run, random_input()) == {"GsfTf>RubiksShiftPointwise": 1}
    with ops.use_implementation("rubiks_shift_pointwise=reference"):
        found = ops_that_run(run, random_input())
    assert found == {"GsfTf>RubiksShift": 1, "Conv2D": 1, "AddV2": 1}


@COMPILED
@pytest.mark.parametrize("dtype, options", [
    ("mixed_bfloat16", {}),
    ("float64", {}),
    ("float32", {"kernel_size": 3, "padding": "same"}),
    ("float32", {"groups": 2}),
    # TensorFlow joins these by itself.
    ("float32", {"use_bias": True}),
    ("float32", {"activation": "relu"}),
])  # fmt: skip
def test_other_convolutions_are_those_of_keras(dtype, options):
    size = options.get("kernel_size", 1)
    options = {name: value for name, value in options.items() if name != "kernel_size"}
    _, run = block(
        lambda filters, _, **kwargs: Conv2D(filters, size, **kwargs), dtype=dtype, **options
    )
    x = random_input(dtype if dtype == "float64" else "float32")
    found = ops_that_run(run, x)
    assert "GsfTf>RubiksShiftPointwise" not in found and found["GsfTf>RubiksShift"] == 1


@COMPILED
@pytest.mark.parametrize("other", [(4, 1, 1, 6), (4, 5, 5, 1), (1, 5, 5, 6)])
def test_a_sum_that_broadcasts_is_that_of_keras(other):
    (shift, convolution, add), run = block()
    run(random_input())
    ones = tf.ones(other)
    found = ops_that_run(lambda x: add([ones, convolution(shift(x))]), random_input())
    assert found["GsfTf>RubiksShiftPointwise"] == 1 and found["AddV2"] == 1
    received = tf.function(lambda x: add([ones, convolution(shift(x))]))(random_input())
    np.testing.assert_allclose(received, convolution(shift(random_input())) + 1, atol=1e-6)


@COMPILED
def test_two_shifted_maps_are_added_by_one_of_the_two():
    (shift, convolution, add), run = block()
    run(random_input())
    twice = lambda x: add([convolution(shift(x)), convolution(shift(x))])  # noqa: E731
    assert ops_that_run(twice, random_input()) == {"GsfTf>RubiksShiftPointwise": 2}
    np.testing.assert_allclose(
        tf.function(twice)(random_input()), 2 * convolution(shift(random_input())), atol=1e-5
    )


def test_equals_the_layers_of_keras():
    results = []
    for classes in [(Conv2D, Add), (keras.layers.Conv2D, keras.layers.Add)]:
        parts, run = block(*classes)

        @tf.function
        def step(x, run=run, parts=parts):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = run(x)
                loss = tf.reduce_sum(y**2)
            return y, *tape.gradient(loss, [x, *(w for p in parts for w in p.trainable_weights)])

        run(random_input())
        results.append((run(random_input()), *step(random_input())))
    assert len(results[0]) == 5
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_gradients_of_what_lies_between():
    """With respect to the shifted map and the convolution's result, which others read too."""
    results = []
    for classes in [(Conv2D, Add), (keras.layers.Conv2D, keras.layers.Add)]:
        (shift, convolution, add), run = block(*classes)

        @tf.function
        def gradients(x, shift=shift, convolution=convolution, add=add):
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(x)
                shifted = shift(x)
                mixed = convolution(shifted)
                again = convolution(shifted)
                total = add([mixed, x])
                loss = tf.reduce_sum(total**2 * again) + tf.reduce_sum(mixed * shifted)
            weights = convolution.trainable_weights + shift.trainable_weights
            return tape.gradient(loss, [x, shifted, mixed, again, total, *weights])

        run(random_input())
        results.append(gradients(random_input()))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_tape_around_the_graph(frozen):
    results = []
    for classes in [(Conv2D, Add), (keras.layers.Conv2D, keras.layers.Add)]:
        parts, run = block(*classes)
        x = random_input()
        run(x)
        parts[1].trainable = not frozen
        weights = [weight.value for part in parts for weight in part.trainable_weights]
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.function(run)(x) ** 2)
        results.append(tape.gradient(loss, [x, *weights]))
    assert len(results[0]) == (2 if frozen else 3)
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def in_a_branch(shift, convolution, add, x):
    shifted = shift(x)
    mixed = convolution(shifted)
    total = tf.cond(tf.reduce_sum(x) < 1e6, lambda: add([x, mixed]), lambda: mixed)
    return total, [x, shifted, mixed]


def in_a_loop(shift, convolution, _, x):
    shifted = shift(x)
    step = lambda n, sum_: (n + 1, sum_ + convolution(shifted))  # noqa: E731
    _, total = tf.while_loop(lambda n, _: n < 3, step, (0, tf.zeros_like(shifted)))
    return total, [x, shifted]


@pytest.mark.parametrize("run_parts", [in_a_branch, in_a_loop])
def test_gradients_of_a_graph_inside_of_the_graph(run_parts):
    results = []
    for classes in [(Conv2D, Add), (keras.layers.Conv2D, keras.layers.Add)]:
        parts, run = block(*classes)

        @tf.function
        def gradients(x, parts=parts):
            with tf.GradientTape() as tape:
                tape.watch(x)
                total, sources = run_parts(*parts, x)
                loss = tf.reduce_sum(total**2)
            weights = [weight.value for part in parts for weight in part.trainable_weights]
            return tape.gradient(loss, [*sources, *weights])

        run(random_input())
        results.append(gradients(random_input()))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@COMPILED
@pytest.mark.parametrize("preset", ["rubiksnet_tiny", "rubiksnet_tiny_aq"])
def test_blocks_of_the_network(preset):
    model = from_preset(preset, 3, num_segments=2, input_shape=(32, 32, 3))
    clip = tf.constant(np.random.default_rng(0).integers(0, 256, (1, 2, 32, 32, 3)), tf.uint8)
    found = all_ops_that_run(model, clip)
    joined = [op for op in found if op.type == "GsfTf>RubiksShiftPointwise"]
    assert [op.get_attr("addends") for op in joined] == [1] * 17
    assert not [op for op in found if op.type == "GsfTf>RubiksShift"]


@COMPILED
def test_the_two_ops_run_where_there_is_a_gpu(monkeypatch):
    _, run = block()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    found = ops_that_run(run, random_input())
    assert found == {"GsfTf>RubiksShift": 1, "Conv2D": 1, "AddV2": 1}


def test_weights_and_files_are_those_of_the_layers_of_keras(tmp_path):
    x = keras.Input(SHAPE[1:])
    models = []
    for convolution, add in [(keras.layers.Conv2D, keras.layers.Add), (Conv2D, Add)]:
        y = layers.RubiksShift3D(2, name="shift")(x)
        y = add(name="add")([x, convolution(6, 1, name="mix")(y)])
        models.append(keras.Model(x, convolution(3, 1, name="last")(y)))
    old, new = models
    old.save_weights(tmp_path / "old.weights.h5")
    new.load_weights(tmp_path / "old.weights.h5")
    new.save(tmp_path / "new.keras")
    again = keras.models.load_model(tmp_path / "new.keras")
    assert isinstance(again.get_layer("mix"), Conv2D)
    for model in (new, again):
        np.testing.assert_allclose(model(random_input()), old(random_input()), atol=1e-6)
        assert [w.path for w in model.weights] == [w.path for w in old.weights]
