"""The graph that exports share: equal to the model, and of fewer and cheaper operations."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.export.graph.frozen_function import frozen_function
from gsf_tf.export.graph.inference_function import inference_function
from gsf_tf.layers import AttentionShift, GateShiftFuse, RubiksShift3D
from gsf_tf.models import SegmentModel, from_preset, harden, insert_temporal
from tests import exhaustive
from tests.export.equal_logits import assert_equal_logits
from tests.export.small_models import side
from tests.models.randomize import randomize

PRESETS = (
    *("gsf_resnet14thin", "gsm_resnet14thin", "tsm_resnet14thin", "gst_resnet14thin"),
    *("gsf_mobilenetv2", "tsm_mobilenetv2", "gsf_bninception", "gsf_inceptionv3"),
    *("rubiksnet_mini", "rubiksnet_mini_aq", "rubiksnet_large"),
)
EVERY_TIME = ("gsf_resnet14thin", "gst_resnet14thin", "rubiksnet_mini")


def clips(size=32, num_segments=3):
    shape = (3, num_segments, size, size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def build(preset, size=32, **options):
    keras.utils.set_random_seed(0)
    shape = (size, size, 3)
    model = from_preset(preset, 3, num_segments=3, input_shape=shape, **options)
    randomize(model, clips(size))
    return model


def assert_equal(model, size=32):
    """Compares the outputs on batches of 3 and 1 clips, and returns the graph's operations."""
    frozen = frozen_function(model)
    expected = np.asarray(model(clips(size), training=False))
    for batch in (clips(size), clips(size)[:1]):
        logits, _ = (np.asarray(output) for output in frozen(tf.constant(batch)))
        assert_equal_logits(model, logits, expected, clips(size))
    return frozen.graph.get_operations()


def kinds(operations):
    return collections.Counter(operation.type for operation in operations)


def largest_rank(operations):
    """Returns the largest rank of the tensors that are not the clip."""
    tensors = (tensor for op in operations for tensor in op.outputs if op.type != "Placeholder")
    return max(len(tensor.shape) for tensor in tensors if tensor.shape.rank is not None)


@pytest.mark.parametrize("preset", exhaustive.cases(PRESETS, EVERY_TIME.__contains__))
def test_equals_the_model(preset):
    size = side(preset)
    operations = assert_equal(build(preset, size), size)
    assert largest_rank(operations) <= 4
    if "resnet" in preset:
        assert not [kind for kind in kinds(operations) if "BatchNorm" in kind or "Gather" in kind]
    if preset == "rubiksnet_mini":
        depthwise = [op for op in operations if op.type == "DepthwiseConv2dNative"]
        assert depthwise and all(op.inputs[1].op.type == "Const" for op in depthwise)


@pytest.mark.parametrize(
    "options",
    exhaustive.cases([{"fusion": "sum"}, {"gate": -1}, {"gate": 1}], lambda case: "fusion" in case),
    ids=str,
)
def test_gates_and_fusions_of_the_paper(options):
    assert_equal(build("gsf_resnet14thin", temporal_options=options, last_blocks=1))


def test_hardened_attention_moves_channels_in_place():
    """As many convolutions as attention had, and no channel is gathered."""
    model = build("rubiksnet_mini_aq")
    rng = np.random.default_rng(1)
    shifts = [layer for layer in model.backbone.layers if isinstance(layer, AttentionShift)]
    for number, layer in enumerate(shifts):
        values = rng.normal(size=layer.attention.shape)
        stays = rng.uniform(size=values.shape[1]) >= (0.2 if number else 0)
        layer.attention.assign(values + 10 * stays * np.eye(3)[:, 1:2])
    hardened = harden(model).model
    soft, hard = kinds(assert_equal(model)), kinds(assert_equal(hardened))
    # A layer of which nothing moves costs nothing.
    assert soft["DepthwiseConv2dNative"] - hard["DepthwiseConv2dNative"] == 1
    assert not [kind for kind in hard if "Gather" in kind]


def test_quantized_shifts_are_slices_in_time():
    model = build("rubiksnet_mini", shift_mode="quantized")
    shifts = [layer for layer in model.backbone.layers if isinstance(layer, RubiksShift3D)]
    for layer in shifts:
        values = np.random.default_rng(2).uniform(-1.4, 1.4, layer.shift.shape)
        layer.shift.assign(values)
    depthwise = kinds(assert_equal(model))["DepthwiseConv2dNative"]
    assert depthwise == len(shifts)  # That in space; the interpolated form has one in time too.


def test_shifts_as_long_as_the_clip_and_longer():
    model = build("rubiksnet_mini")
    for layer in model.backbone.layers:
        if isinstance(layer, RubiksShift3D):
            layer.shift.assign(np.random.default_rng(3).uniform(-5, 5, layer.shift.shape))
    assert_equal(model)


def test_layers_that_are_not_known_are_called_as_they_are():
    class Doubled(keras.layers.ReLU):
        def call(self, inputs):
            return 2 * super().call(inputs)

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", name="first")(inputs)
    x = keras.layers.LayerNormalization()(x)
    y = keras.layers.Conv2D(8, 3, groups=2, strides=2, padding="same", name="second")(x)
    y = keras.layers.BatchNormalization()(Doubled()(y))
    z = keras.layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu")(x)
    z = keras.layers.Multiply()([keras.layers.Subtract()([y, z]), keras.ops.sigmoid(z)])
    z = keras.layers.SeparableConv2D(16, 3)(keras.layers.ZeroPadding2D(((2, 1), (0, 3)))(z))
    backbone = keras.Model(inputs, keras.layers.Activation("softmax")(z))
    backbone = insert_temporal(
        backbone, lambda name: GateShiftFuse(3, 0.5, name=name), after=["first", "second"]
    )
    model = SegmentModel(backbone, 3, num_segments=3)
    randomize(model, clips())
    assert_equal(model)


def test_a_model_without_a_graph_is_called_as_it_is():
    class Mean(keras.Model):
        def call(self, clip):
            return keras.ops.mean(keras.ops.cast(clip, "float32"), axis=(1, 2, 3))

    batch = clips()
    expected = batch.mean((1, 2, 3))
    np.testing.assert_allclose(inference_function(Mean())(tf.constant(batch)), expected, rtol=1e-5)
