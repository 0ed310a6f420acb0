"""RubiksNet paper, section 3.2: shift and pointwise convolution instead of a 3x3 convolution."""

import keras
import numpy as np
import pytest

from gsf_tf.analysis import count_macs, count_parameters
from gsf_tf.backbones import ResNet
from gsf_tf.layers import RubiksShift2D, RubiksShift3D
from gsf_tf.models import SegmentModel, inflate, replace_with_shift
from gsf_tf.training import RUBIKSNET_GROUPS, CoupledSGD

T, SIZE, CHANNELS, FILTERS = 2, 8, 5, 4
PADDINGS = {"same": None, "valid": None, "padded": 1, "keras": ((0, 1), (0, 1))}


def frames(channels=3, size=SIZE, clips=2):
    shape = (clips * T, size, size, channels)
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def one_convolution(strides, padding, channels=CHANNELS, **arguments):
    inputs = keras.Input((SIZE, SIZE, channels))
    x, pad = inputs, PADDINGS[padding]
    if pad is not None:
        x = keras.layers.ZeroPadding2D(pad, name="conv_pad")(x)
    padding = "same" if padding == "same" else "valid"
    arguments = {"kernel_size": 3, "strides": strides, "padding": padding, **arguments}
    return keras.Model(inputs, keras.layers.Conv2D(FILTERS, name="conv", **arguments)(x))


@pytest.mark.parametrize(
    ("strides", "padding"),
    [*((strides, padding) for strides in (1, 2) for padding in ("same", "valid", "padded")),
     (2, "keras")],
)  # fmt: skip
def test_a_kernel_with_one_tap_per_channel_is_a_shift_and_a_pointwise_convolution(padding, strides):
    backbone = one_convolution(strides, padding, activation="relu")
    model = replace_with_shift(backbone, T, ["conv"])
    assert model.output_shape == backbone.output_shape
    random = np.random.default_rng(1)
    # TensorFlow's windows begin one pixel later where it pads at the end only.
    late = strides == 2 and padding in ("same", "keras")
    taps = random.integers(0, 3, (2, CHANNELS))
    pointwise, bias = random.normal(size=(1, 1, CHANNELS, FILTERS)), random.normal(size=FILTERS)
    kernel = np.zeros((3, 3, CHANNELS, FILTERS))
    for channel, (row, column) in enumerate(taps.T):
        kernel[row, column, channel] = pointwise[0, 0, channel]
    backbone.get_layer("conv").set_weights([kernel, bias])
    shift = np.concatenate([np.zeros((1, CHANNELS)), taps - (0 if late else 1)])
    model.get_layer("conv_shift").set_weights([shift])
    model.get_layer("conv_pointwise").set_weights([pointwise, bias])
    x = frames(CHANNELS)
    np.testing.assert_allclose(model(x), backbone(x), atol=1e-5)


def test_frames_are_mixed_in_time():
    model = replace_with_shift(one_convolution(1, "same"), T, ["conv"])
    shift = np.zeros((3, CHANNELS))
    shift[0] = 1  # Every frame reads the next one.
    model.get_layer("conv_shift").set_weights([shift])
    x = frames(CHANNELS)
    moved = np.concatenate([x[1::2], 0 * x[1::2]], axis=1).reshape(x.shape)
    pointwise = model.get_layer("conv_pointwise")
    np.testing.assert_allclose(model(x), pointwise(moved), atol=1e-5)


def small_resnet():
    return ResNet((1, 1, 1, 1), 8, include_top=False, input_shape=(32, 32, 3), name="small")


def test_counts_of_a_residual_network():
    """A ninth of the weights and of the multiply-accumulates, and three shifts per channel."""
    backbone = small_resnet()
    convolutions = [
        layer
        for layer in backbone.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3)
    ]
    weights = sum(np.prod(layer.kernel.shape) for layer in convolutions)
    channels = sum(layer.kernel.shape[2] for layer in convolutions)
    macs = sum(
        np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3]) for layer in convolutions
    )
    counts = count_parameters(backbone), count_macs(backbone, batch_size=T)
    model = replace_with_shift(backbone, T)
    assert [layer.name for layer in model.layers if isinstance(layer, RubiksShift3D)] == [
        f"layer{stage}_0_conv2_shift" for stage in range(1, 5)
    ]
    assert not any(layer.name.endswith("conv2_pad") for layer in model.layers)
    assert count_parameters(model) == counts[0] - weights + weights // 9 + 3 * channels
    assert count_macs(model, batch_size=T) == counts[1] - T * (macs - macs // 9)
    # The other layers are those of the backbone, also the convolution of the images.
    assert model.get_layer("conv1") is backbone.get_layer("conv1")
    assert (model.name, model.output_shape) == (backbone.name, backbone.output_shape)


def test_two_steps_of_training():
    backbone = one_convolution(2, "padded", channels=3)
    model = SegmentModel(replace_with_shift(backbone, T, ["conv"]), 3, num_segments=T)
    optimizer = CoupledSGD(0.1, groups=RUBIKSNET_GROUPS, shift_normalization=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, run_eagerly=True)
    before = {v.path: np.array(v) for v in model.trainable_variables}
    clips = np.random.default_rng(0).integers(0, 256, (4, T, SIZE, SIZE, 3), "uint8")
    losses = [model.train_on_batch(clips, np.array([0, 1, 2, 0])) for _ in range(2)]
    assert np.isfinite(losses).all()
    after = {v.path: np.array(v) for v in model.trainable_variables}
    for path, value in before.items():
        assert np.abs(after[path] - value).max() > 0, path
    # Two steps of 0.1 * 0.01 in the direction of each channel's gradient.
    (path,) = (path for path in after if path.endswith("conv_shift/shift"))
    assert np.linalg.norm(after[path] - before[path], axis=0).max() < 0.1 * 0.01 * 2.9 + 1e-6


def test_of_one_frame_it_becomes_a_video_model():
    image_model = SegmentModel(replace_with_shift(small_resnet(), 1), 3, num_segments=1)
    shifts = [layer for layer in image_model.backbone.layers if isinstance(layer, RubiksShift2D)]
    assert [type(layer) for layer in shifts] == [RubiksShift2D] * 4
    model = inflate(image_model, num_segments=T)
    for layer in shifts:
        video = model.backbone.get_layer(layer.name)
        np.testing.assert_array_equal(video.shift[1:], layer.shift)
    assert model.output_shape == (None, 3)


def test_what_is_kept_of_a_convolution_and_what_its_layers_get():
    backbone = one_convolution(
        1, "same", use_bias=False, kernel_regularizer=keras.regularizers.L2(0.5), activation="relu"
    )
    model = replace_with_shift(backbone, T, ["conv"], mode="quantized", causal=True)
    shift, pointwise = model.get_layer("conv_shift"), model.get_layer("conv_pointwise")
    assert (shift.mode, shift.causal, shift.num_segments) == ("quantized", True, T)
    assert not pointwise.use_bias and float(pointwise.kernel_regularizer.l2) == 0.5
    assert pointwise.activation is keras.activations.relu
    loaded = keras.models.model_from_json(model.to_json())
    loaded.set_weights(model.get_weights())
    np.testing.assert_array_equal(loaded(frames(CHANNELS)), model(frames(CHANNELS)))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "replaced"),
    [("ResNet50", 16), ("VGG16", 12), ("DenseNet121", 58), ("EfficientNetV2B0", 5)],
)
def test_keras_applications(name, replaced):
    """As many as their papers' tables have; VGG16's first convolution and stems stay."""
    arguments = {"include_top": False, "weights": None, "input_shape": (64, 64, 3)}
    model = replace_with_shift(getattr(keras.applications, name)(**arguments), T)
    assert sum(isinstance(layer, RubiksShift3D) for layer in model.layers) == replaced
    assert np.isfinite(model(frames(size=64, clips=1))).all()


def called_twice():
    inputs = keras.Input((SIZE, SIZE, 3))
    layer = keras.layers.Conv2D(3, 3, padding="same", name="conv")
    return keras.Model(inputs, layer(layer(inputs)))


@pytest.mark.parametrize(
    ("make", "names", "message"),
    [
        (lambda: keras.layers.Conv2D(4, 3, name="conv"), ["conv"], "must be a functional"),
        (lambda: one_convolution(1, "same"), None, "there is none to replace"),
        (lambda: one_convolution(1, "same"), [], "there is none to replace"),
        (lambda: one_convolution(1, "same"), ["cnv"], "No such layer: cnv"),
        (lambda: one_convolution(1, "same", kernel_size=5), ["conv"], "'conv', which is no 3x3"),
        (lambda: one_convolution(1, "same", dilation_rate=2), ["conv"], r"the dilation \(2, 2\)"),
        (lambda: one_convolution((1, 2), "same"), ["conv"], r"the strides \(1, 2\)"),
        (called_twice, ["conv"], "'conv', which it calls several times"),
        (lambda: one_convolution(1, "keras"), ["conv"], "must keep its shape"),
    ],
)
def test_what_cannot_be_replaced(make, names, message):
    with pytest.raises(ValueError, match=message):
        replace_with_shift(make(), T, names)
