import keras
import numpy as np
import pytest
from keras import layers

from gsf_tf.analysis import count_macs, count_parameters
from gsf_tf.layers import (
    GateShift,
    GateShiftFuse,
    GroupedSpatialTemporal,
    MotionSqueeze,
    TemporalShift,
)
from tests import exhaustive


def model_of(layer, *input_shapes):
    inputs = [keras.Input(shape) for shape in input_shapes]
    inputs = inputs[0] if len(inputs) == 1 else inputs
    return keras.Model(inputs, layer(inputs))


def macs_and_extra(model, **kwargs):
    macs = count_macs(model, **kwargs)
    return macs, count_macs(model, convention="paper", **kwargs) - macs


# layer, input shape, MACs, what the papers add: all by hand.
SINGLE_LAYERS = {
    "conv1d": (layers.Conv1D(6, 3, padding="same"), (10, 4), 10 * 3 * 4 * 6, 10 * 6),
    "conv2d": (layers.Conv2D(8, 3, strides=2), (9, 11, 4), 4 * 5 * 9 * 4 * 8, 4 * 5 * 8),
    "conv2d_channels_first": (
        layers.Conv2D(8, 3, data_format="channels_first"),
        (4, 9, 11),
        7 * 9 * 9 * 4 * 8,
        7 * 9 * 8,
    ),
    "conv2d_grouped": (
        layers.Conv2D(8, (3, 5), groups=2, padding="same", use_bias=False),
        (6, 7, 4),
        6 * 7 * 15 * (4 // 2) * 8,
        0,
    ),
    "conv2d_dilated": (
        layers.Conv2D(2, 3, dilation_rate=2),
        (8, 8, 3),
        4 * 4 * 9 * 3 * 2,
        4 * 4 * 2,
    ),
    "conv3d": (
        layers.Conv3D(4, 3, padding="same"),
        (5, 6, 7, 2),
        5 * 6 * 7 * 27 * 2 * 4,
        5 * 6 * 7 * 4,
    ),
    "transposed": (
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
        (5, 5, 6),
        5 * 5 * 9 * 6 * 4,
        10 * 10 * 4,
    ),
    "depthwise1d": (layers.DepthwiseConv1D(3), (9, 5), 7 * 3 * 5, 7 * 5),
    "depthwise2d": (
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
        (6, 6, 4),
        6 * 6 * 9 * 4 * 2,
        6 * 6 * 8,
    ),
    "separable2d": (
        layers.SeparableConv2D(8, 3, depth_multiplier=2, padding="same"),
        (6, 6, 4),
        6 * 6 * (9 * 4 * 2 + 4 * 2 * 8),
        6 * 6 * 8,
    ),
    "dense": (layers.Dense(3), (7, 5), 7 * 5 * 3, 0),
    "einsum_dense": (
        layers.EinsumDense("abc,cde->abde", (None, 3, 2), bias_axes="de"),
        (7, 5),
        7 * 5 * 3 * 2,
        0,
    ),
    "einsum_dense_ellipsis": (layers.EinsumDense("...c,cd->...d", 3), (7, 5), 7 * 5 * 3, 0),
    "simple_rnn": (layers.SimpleRNN(6), (5, 4), 5 * 6 * (4 + 6), 0),
    "gru": (layers.GRU(6, return_sequences=True), (5, 4), 5 * 3 * 6 * (4 + 6), 0),
    "lstm": (layers.LSTM(6), (5, 4), 5 * 4 * 6 * (4 + 6), 0),
    "bidirectional": (layers.Bidirectional(layers.LSTM(6)), (5, 4), 2 * 5 * 4 * 6 * (4 + 6), 0),
    "batch_normalization": (layers.BatchNormalization(), (5, 6, 7), 0, 4 * 5 * 6 * 7),
    "layer_normalization": (layers.LayerNormalization(), (5, 6, 7), 0, 4 * 5 * 6 * 7),
    "average_pooling": (layers.AveragePooling2D(3, strides=2), (9, 9, 4), 0, (3 + 1) * 4 * 4 * 4),
    "average_pooling_3d": (layers.AveragePooling3D((1, 2, 2)), (5, 4, 4, 3), 0, 3 * 5 * 2 * 2 * 3),
    "global_average_pooling": (layers.GlobalAveragePooling2D(), (5, 6, 7), 0, (5 * 6 + 1) * 7),
    "max_pooling": (layers.MaxPooling2D(3), (9, 9, 4), 0, 0),
    "relu": (layers.ReLU(), (9, 9, 4), 0, 0),
    "prelu": (layers.PReLU(), (9, 9, 4), 0, 0),
    "embedding": (layers.Embedding(10, 4), (6,), 0, 0),
    "time_distributed": (
        layers.TimeDistributed(layers.Conv2D(8, 3)),
        (3, 6, 6, 4),
        3 * 4 * 4 * 9 * 4 * 8,
        3 * 4 * 4 * 8,
    ),
    "time_distributed_model": (
        layers.TimeDistributed(keras.Sequential([layers.Dense(4), layers.BatchNormalization()])),
        (3, 5),
        3 * 5 * 4,
        3 * 4 * 4,
    ),
}


@pytest.mark.parametrize("kind", SINGLE_LAYERS)
def test_single_layers(kind):
    layer, input_shape, macs, extra = SINGLE_LAYERS[kind]
    assert macs_and_extra(model_of(layer, input_shape)) == (macs, extra)


# Two clips would be twice as much; here one of 4 frames, 6 x 5 pixels.
POSITIONS = 4 * 6 * 5
TEMPORAL_LAYERS = {
    "tsm": (TemporalShift(4), 16, 0, 0),
    "gsm": (GateShift(4), 16, POSITIONS * 27 * 16, POSITIONS * (2 + 4 * 16)),
    "gsf": (
        GateShiftFuse(4, channel_ratio=0.5),
        16,
        POSITIONS * 27 * 8 + 4 * 8 * 18,
        POSITIONS * (2 + 4 * 8) + 4 * 8,
    ),
    "gsf_sum": (
        GateShiftFuse(4, fusion="sum"),
        16,
        POSITIONS * 27 * 16,
        POSITIONS * (2 + 4 * 16),
    ),
    "gsf_fixed_gate": (GateShiftFuse(4, gate=1), 16, 4 * 16 * 18, 4 * 16),
    "ms": (
        MotionSqueeze(4, window=5, filters=8),
        12,
        # The reduction, the four stages, and the correlation of three pairs of frames.
        POSITIONS * (12 * 8 + 49 * 3 + 3 * 16 + 9 * 16 + 16 * 32 + 9 * 32 + 32 * 64)
        + POSITIONS * (9 * 64 + 64 * 12)
        + POSITIONS * 3 // 4 * 25 * 8,
        POSITIONS * 4 * (8 + 3 + 16 + 16 + 32 + 32 + 64 + 64 + 12) + POSITIONS * 3 // 4 * 25 * 8,
    ),
    "gst": (
        GroupedSpatialTemporal(16, 4, strides=2),
        12,
        4 * 3 * 3 * 6 * (9 * 12 + 27 * 4),
        0,
    ),
    "gst_all_channels": (
        GroupedSpatialTemporal(16, 4, beta=1),
        12,
        POSITIONS * 12 * (9 * 12 + 27 * 4),
        0,
    ),
}


@pytest.mark.parametrize("kind", TEMPORAL_LAYERS)
def test_temporal_layers(kind):
    layer, channels, macs, extra = TEMPORAL_LAYERS[kind]
    model = model_of(layer, (6, 5, channels))
    assert macs_and_extra(model, batch_size=4) == (macs, extra)
    assert macs_and_extra(model, batch_size=8) == (2 * macs, 2 * extra)


def test_attention():
    query, value = keras.Input((7, 8)), keras.Input((9, 8))
    model = keras.Model(
        [query, value], layers.MultiHeadAttention(2, key_dim=5, value_dim=3)(query, value)
    )
    projections = 7 * 8 * 10 + 9 * 8 * 10 + 9 * 8 * 6 + 7 * 6 * 8
    assert macs_and_extra(model) == (projections + 2 * 7 * 9 * (5 + 3), 0)
    by_name = layers.MultiHeadAttention(2, key_dim=5, value_dim=3)(value=value, query=query)
    swapped = keras.Model([query, value], by_name)
    assert count_macs(swapped) == count_macs(model)
    assert count_macs(model_of(layers.Attention(), (7, 8), (9, 8))) == 2 * 7 * 9 * 8
    assert count_macs(model_of(layers.Dot((2, 1)), (7, 8), (8, 9))) == 7 * 8 * 9
    grouped = layers.GroupQueryAttention(head_dim=5, num_query_heads=4, num_key_value_heads=2)
    model = keras.Model([query, value], grouped(query, value))
    projections = 7 * 8 * 20 + 2 * 9 * 8 * 10 + 7 * 20 * 8
    assert count_macs(model) == projections + 2 * 4 * 7 * 9 * 5


def test_nested_models_and_shared_layers_count_at_every_call():
    shared = layers.Conv2D(4, 3, padding="same", use_bias=False)
    inside = keras.Sequential([keras.Input((None, None, 4)), shared, layers.ReLU()])
    image = keras.Input((None, None, 4))
    large = inside(image)
    small = inside(layers.MaxPooling2D(2)(large))
    model = keras.Model(image, shared(small))
    per_pixel = 9 * 4 * 4
    assert count_macs(model, input_shape=(8, 8, 4)) == per_pixel * (64 + 16 + 16)
    assert count_parameters(model) == per_pixel


@keras.saving.register_keras_serializable(package="test_count_macs")
class TwoTowers(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(3), layers.Dense(4)

    def call(self, inputs):
        return self.first(inputs["a"]), self.second(self.first(inputs["b"]))


def test_a_subclass_with_a_dictionary_of_inputs():
    model = TwoTowers()
    model({"a": np.zeros((1, 5)), "b": np.zeros((1, 5))})
    shapes = {"a": (5,), "b": (7, 5)}
    assert count_macs(model, input_shape=shapes) == 5 * 3 + 7 * (5 * 3 + 3 * 4)
    with pytest.raises(ValueError, match="functional and sequential models only"):
        count_macs(model)


class Scale(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],))

    def call(self, inputs):
        return inputs * self.scale


class Mystery(layers.Layer):
    def build(self, input_shape):
        self.matrix = self.add_weight(shape=(input_shape[-1], input_shape[-1]))
        self.inner = layers.Dense(4)
        self.inner.build(input_shape)

    def call(self, inputs):
        return self.inner(inputs @ self.matrix)


def test_nothing_is_left_out_silently():
    assert count_macs(model_of(Scale(), (6, 5))) == 0
    model = model_of(keras.Sequential([Mystery(name="a"), Mystery(name="b")]), (6, 4))
    with pytest.raises(ValueError, match=r"without one: a \(Mystery\), b \(Mystery\)\. Pass"):
        count_macs(model)
    rules = {Mystery: lambda call: (call.input[0] * call.input[1] * 16, 1)}
    assert macs_and_extra(model, rules=rules) == (2 * 2 * 6 * 16, 2)
    with pytest.raises(ValueError, match="ConvLSTM2D"):
        count_macs(model_of(layers.ConvLSTM2D(3, 3), (4, 6, 6, 2)))
    a, b = keras.Input((3, 4)), keras.Input((4, 5))
    with pytest.raises(ValueError, match="Matmul"):
        count_macs(keras.Model([a, b], keras.ops.matmul(a, b)))
    assert count_macs(keras.Model([a, b], [keras.ops.relu(a) * 2.0, b])) == 0


def test_counting_leaves_keras_and_the_model_as_they_were():
    call_operation = keras.Operation.__call__
    model = model_of(layers.Dense(3), (5,))
    x = np.ones((2, 5), "float32")
    before = np.asarray(model(x))
    count_macs(model)
    with pytest.raises(ValueError, match="rule"):
        count_macs(model_of(Mystery(), (6, 4)))
    assert keras.Operation.__call__ is call_operation
    np.testing.assert_array_equal(model(x), before)
    assert keras.Model(model.inputs, model.layers[-1].output).output_shape == (None, 3)


def test_what_is_given_must_be_complete():
    model = model_of(layers.Conv2D(3, 3), (None, None, 2))
    with pytest.raises(ValueError, match="Every size of the input must be known"):
        count_macs(model)
    assert count_macs(model, input_shape=(4, 4, 2)) == 2 * 2 * 9 * 2 * 3
    with pytest.raises(ValueError, match="one of conv_linear, paper. Received: convention='flops'"):
        count_macs(model, convention="flops")
    for count in (count_macs, count_parameters):
        with pytest.raises(ValueError, match="must be built"):
            count(keras.Sequential([layers.Dense(3)]))


def test_parameters():
    model = model_of(layers.BatchNormalization(), (4, 4, 6))
    assert count_parameters(model) == 2 * 6
    assert count_parameters(model, trainable_only=False) == 4 * 6 == model.count_params()
    assert count_parameters(model_of(GateShiftFuse(4), (6, 6, 16))) == 29 * 16 + 40
    model.trainable = False
    assert count_parameters(model) == 0


# What torchvision prints for its twins of these models: parameters, and GFLOPs of its own count
# of multiply-accumulates.
@pytest.mark.parametrize(
    ("name", "parameters", "billions"),
    exhaustive.cases(
        [("MobileNetV2", 3_504_872, 0.301), ("ConvNeXtTiny", 28_589_128, 4.456)],
        lambda case: case[0] == "MobileNetV2",
    ),
)
def test_models_of_keras_applications(name, parameters, billions):
    model = getattr(keras.applications, name)(weights=None, input_shape=(224, 224, 3))
    assert count_parameters(model) == parameters
    assert round(count_macs(model) / 1e9, 3) == billions
