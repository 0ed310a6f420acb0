"""`CoupledSGD` as RubiksNet needs it: parameter groups and normalized gradients of the shifts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.training import RUBIKSNET_GROUPS, CoupledSGD, ParameterGroup
from gsf_tf.training.checkpoints import Checkpoints
from gsf_tf.training.run_state import RunState
from gsf_tf.training.steps import train_step
from tests import exhaustive
from tests.training.toy_shift import toy_batch, toy_model

RECIPE = {"l2": 0.05, "clip_norm": 1.5, "groups": RUBIKSNET_GROUPS, "shift_normalization": "auto"}
ASPECT = 0.5  # of the toy's shift


def weights(model):
    return [np.array(weight) for weight in model.weights]


def assert_equal_weights(ours, theirs, rtol=1e-6, atol=1e-7):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


def own_loop(model, optimizer, clip, label, steps):
    for _ in range(steps):
        train_step(model, optimizer, clip, label, global_batch_size=len(label), label_smoothing=0.0)
    return weights(model)


def torch_steps(start, clip, label, rates, shift_normalization, shift_rate):
    """The steps of `torch.optim.SGD` with parameter groups on the toy model, in float64."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    first, bias, gamma, beta, shift, classifier, classifier_bias = parameters = [
        torch.tensor(weight, dtype=torch.float64, requires_grad=True) for weight in start
    ]
    groups = [
        {"params": [shift], "weight_decay": 0.0, "factor": shift_rate},
        {"params": [gamma, beta, bias, classifier_bias], "weight_decay": 0.0, "factor": 1.0},
        {"params": [first, classifier], "weight_decay": RECIPE["l2"], "factor": 1.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    clip = torch.tensor(np.array(clip), dtype=torch.float64)
    label = torch.tensor(np.array(label), dtype=torch.int64)
    for rate in rates:
        x = functional.layer_norm(clip @ first + bias, [4], gamma, beta, eps=1e-3)
        for row in range(len(shift)):
            x = x + torch.sin((row + 1) * shift[row] * x)
        optimizer.zero_grad()
        functional.cross_entropy(x @ classifier + classifier_bias, label).backward()
        if shift_normalization is not None:
            for channel in range(shift.shape[1]):
                vector = shift.grad[:, channel]
                if len(vector) == 3:
                    vector[0] *= shift_normalization
                vector /= vector.norm()
        norm = torch.nn.utils.clip_grad_norm_(parameters, RECIPE["clip_norm"])
        assert shift_normalization is None or norm > RECIPE["clip_norm"]
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.step()
    return [parameter.detach().numpy() for parameter in parameters]


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize(
    ("shift_normalization", "scale"), [(None, None), ("auto", ASPECT), (3.0, 3.0)]
)
def test_steps_are_those_of_torch(rows, shift_normalization, scale):
    # A rate of 0.01 would hide errors in the direction of the shifts.
    groups = (ParameterGroup("shift$", learning_rate=0.25, l2=0.0), *RUBIKSNET_GROUPS)
    model = toy_model("float64", rows=rows, aspect=ASPECT)
    start = weights(model)
    clip, label = toy_batch()
    optimizer = CoupledSGD(
        **{**RECIPE, "groups": groups, "shift_normalization": shift_normalization}
    )
    rates = [0.5, 0.25, 0.5, 0.125, 0.25]  # exact in float32
    for rate in rates:
        optimizer.learning_rate = rate
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(label, model(clip), True)
            loss = tf.reduce_mean(losses)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
    theirs = torch_steps(start, clip, label, rates, scale, shift_rate=0.25)
    assert_equal_weights(weights(model), theirs)


def test_accumulated_micro_batches_are_one_batch():
    """Normalizing each micro batch and then adding would point elsewhere."""
    clip, label = toy_batch()
    whole = toy_model()
    expected = own_loop(whole, CoupledSGD(0.5, **RECIPE), clip, label, steps=3)
    model = toy_model()
    optimizer = CoupledSGD(0.5, gradient_accumulation_steps=4, **RECIPE)
    for _ in range(3):
        for part in range(0, 8, 2):
            parts = clip[part : part + 2], label[part : part + 2]
            train_step(model, optimizer, *parts, global_batch_size=2, label_smoothing=0.0)
    assert int(optimizer.iterations) == 3
    assert_equal_weights(weights(model), expected, rtol=1e-5, atol=1e-6)


@exhaustive.MARK
def test_two_replicas_take_the_steps_of_one():
    """The direction is that of the global batch, though the replicas' own ones differ."""
    clip, label = toy_batch()
    results = []
    for devices in (["CPU:0"], ["CPU:0", "CPU:1"]):
        # Collectives of several strategies in one process get into each other's way.
        reduction = tf.distribute.ReductionToOneDevice()
        strategy = tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)
        with strategy.scope():
            model = toy_model()
            optimizer = CoupledSGD(0.5, **RECIPE)
            optimizer.build(model.trainable_variables)

        @tf.function
        def step(clip, label, model=model, optimizer=optimizer):
            train_step(model, optimizer, clip, label, global_batch_size=8, label_smoothing=0.0)

        dataset = tf.data.Dataset.from_tensors((clip, label)).unbatch().batch(8).repeat(3)
        for batch in strategy.experimental_distribute_dataset(dataset):
            strategy.run(step, args=batch)
        results.append(weights(model))
    assert_equal_weights(*results, rtol=1e-5, atol=1e-6)
    assert_equal_weights(
        results[0],
        own_loop(toy_model(), CoupledSGD(0.5, **RECIPE), clip, label, steps=3),
        rtol=1e-5,
        atol=1e-6,
    )


def test_fit_takes_the_steps_of_an_own_loop():
    clip, label = toy_batch()
    model = toy_model()
    model.compile(
        optimizer=CoupledSGD(0.5, **RECIPE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(clip, label, batch_size=8, epochs=3, shuffle=False, verbose=0)
    expected = own_loop(toy_model(), CoupledSGD(0.5, **RECIPE), clip, label, steps=3)
    assert_equal_weights(weights(model), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [2.0**4, 2.0**20])
def test_the_loss_scale_does_not_matter(scale):
    clip, label = toy_batch()
    model = toy_model()
    optimizer = keras.optimizers.LossScaleOptimizer(CoupledSGD(0.5, **RECIPE), initial_scale=scale)
    ours = own_loop(model, optimizer, clip, label, steps=3)
    assert float(optimizer.dynamic_scale) == scale
    expected = own_loop(toy_model(), CoupledSGD(0.5, **RECIPE), clip, label, steps=3)
    assert_equal_weights(ours, expected, rtol=1e-5, atol=1e-6)


def test_mixed_float16_trains_the_shift_in_float32():
    clip, label = toy_batch()
    model = toy_model("mixed_float16")
    shift = model.get_layer("toy_shift").shift
    before = np.array(shift)
    inner = CoupledSGD(0.5, **{**RECIPE, "clip_norm": None})
    optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**8)
    own_loop(model, optimizer, clip, label, steps=1)
    lengths = np.linalg.norm(np.array(shift) - before, axis=0)
    np.testing.assert_allclose(lengths, 0.5 * 0.01, rtol=1e-4)  # rate x the group's multiplier


def test_zero_gradients_and_missing_ones():
    """A channel nothing depends on stays where it is, and a variable without gradient too."""
    model = toy_model()
    before = weights(model)
    optimizer = CoupledSGD(0.5, **{**RECIPE, "l2": 0.0})
    variables = model.trainable_variables
    gradients = [tf.zeros(v.shape) for v in variables]
    optimizer.apply(gradients, variables)
    assert_equal_weights(weights(model), before, rtol=0, atol=0)
    with pytest.warns(UserWarning, match="toy_shift/shift"):
        optimizer.apply(
            [None if v.name == "shift" else tf.ones(v.shape) for v in variables], variables
        )
    after = weights(model)
    for variable, old, new in zip(variables, before, after, strict=True):
        assert np.array_equal(old, new) == (variable.name == "shift"), variable.path


def test_a_fixed_row_stays():
    """Its gradient is zero, and the normalization leaves that."""
    shift = toy_model().get_layer("toy_shift").shift
    before = np.array(shift)
    optimizer = CoupledSGD(1.0, momentum=0.0, shift_normalization=2.0)
    optimizer.apply([tf.constant([[-1e-9] * 4, [0.0] * 4, [0.0] * 4])], [shift])
    np.testing.assert_allclose(shift - before, [[1.0] * 4, [0.0] * 4, [0.0] * 4], atol=1e-6)


def test_survives_a_keras_file(tmp_path):
    clip, label = toy_batch()
    model = toy_model()
    groups = [ParameterGroup("first", 2.0), *RUBIKSNET_GROUPS]
    model.compile(
        optimizer=CoupledSGD(0.5, **{**RECIPE, "groups": groups}),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(clip, label, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.optimizer.groups == tuple(groups)
    assert again.optimizer.shift_normalization == "auto"
    for each in (model, again):
        each.fit(clip, label, batch_size=8, verbose=0)
    assert_equal_weights(weights(again), weights(model))


def test_survives_a_checkpoint_of_a_run(tmp_path):
    clip, label = toy_batch()

    def start():
        model = toy_model()
        optimizer = CoupledSGD(0.5, **RECIPE)
        optimizer.build(model.trainable_variables)
        checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
        return model, optimizer, Checkpoints(tmp_path, checkpoint)

    model, optimizer, checkpoints = start()
    own_loop(model, optimizer, clip, label, steps=2)
    checkpoints.save(RunState())
    again, again_optimizer, again_checkpoints = start()
    assert again_checkpoints.restore_latest(pytest.fail) is not None
    assert_equal_weights(
        own_loop(again, again_optimizer, clip, label, steps=2),
        own_loop(model, optimizer, clip, label, steps=2),
    )


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan"), True, "automatic"])
def test_bad_shift_normalization(value):
    with pytest.raises(ValueError, match=f"Received: shift_normalization={value!r}"):
        CoupledSGD(shift_normalization=value)


@pytest.mark.parametrize("kwargs", [{"learned": False}, None])
def test_a_model_that_learns_no_shift(kwargs):
    model = (
        toy_model(**kwargs)
        if kwargs
        else keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    )
    with pytest.raises(ValueError, match="must be None.*=1.0 and a model without RubiksShift"):
        CoupledSGD(shift_normalization=1.0).build(model.trainable_variables)
    CoupledSGD(groups=RUBIKSNET_GROUPS).build(model.trainable_variables)


def test_auto_needs_a_height():
    variables = toy_model(aspect=None).trainable_variables
    optimizer = CoupledSGD(shift_normalization="auto")
    with pytest.raises(ValueError, match="Received: toy/toy_shift/shift, of a layer built for any"):
        optimizer.build(variables)
    assert not optimizer.built
    CoupledSGD(shift_normalization=1.0).build(variables)
