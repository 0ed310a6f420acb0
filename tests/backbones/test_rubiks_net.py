import keras
import numpy as np
import pytest

from gsf_tf.backbones import RubiksNet
from gsf_tf.layers import AttentionShift, RubiksShift2D, RubiksShift3D
from gsf_tf.weights.rubiksnet_tiers import RUBIKSNET_TIERS
from tests.backbones.parameter_count import trainable_parameters


def small(**kwargs):
    return RubiksNet((1, 1), 12, **kwargs)


def images(*size):
    return np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")


@pytest.mark.parametrize(
    ("tier", "repeats", "width"),
    [("tiny", (3, 4, 6, 3), 54), ("small", (3, 4, 6, 3), 72), ("medium", (3, 4, 23, 3), 72)],
)
def test_stages(tier, repeats, width):
    """Sizes and channels after the last block of each stage, and the number of its blocks."""
    model = RubiksNet(**RUBIKSNET_TIERS[tier], include_top=False, input_shape=(224, 224, 3))
    assert model.get_layer("conv1").output.shape == (None, 112, 112, width)
    expected = [(112, 1), (56, 1), (28, 2), (14, 4), (7, 8)]
    for stage, (blocks, (side, factor)) in enumerate(zip((1, *repeats), expected, strict=True)):
        added = model.get_layer(f"layer{stage}_{blocks - 1}_add")
        assert added.output.shape == (None, side, side, factor * width)
        names = [layer.name for layer in model.layers if layer.name.startswith(f"layer{stage}_")]
        assert sum(name.endswith("_add") for name in names) == blocks
        for index in range(blocks):
            strides = 2 if stage > 0 and index == 0 else 1
            assert model.get_layer(f"layer{stage}_{index}_as3").strides == strides
            # x itself where the shapes agree, as they do in stage 0.
            assert (f"layer{stage}_{index}_shortcut" in names) == (strides == 2)
    assert model.output_shape == (None, 7, 7, 8 * width)


def test_parameters_by_hand():
    # Stem; blocks of 12 to 12 without shortcut, 12 to 12 and 12 to 24 with one; the end.
    def block(inputs, outputs, shortcut):
        normalizations, shift = 2 * inputs + 2 * outputs, 2 * outputs
        return normalizations + shift + inputs * outputs * (1 + shortcut) + outputs**2

    blocks = block(12, 12, False) + block(12, 12, True) + block(12, 24, True)
    expected = 27 * 12 + blocks + 2 * 24 + 24 * 5 + 5
    assert trainable_parameters(small(classes=5)) == expected
    attention = small(classes=5, num_segments=4, variant="attention")
    assert trainable_parameters(attention) == expected + 3 * (12 + 12 + 12)
    time = small(classes=5, num_segments=4)
    assert trainable_parameters(time) == expected + 12 + 12 + 24
    squeezed = small(classes=5, squeeze_excitation=True)
    assert trainable_parameters(squeezed) == expected + 2 * (12 * 1 + 12 * 1 + 24 * 2)


def test_order_of_layers():
    model = small(num_segments=2, variant="attention", squeeze_excitation=True)
    names = [layer.name for layer in model.layers]
    # The stem goes into the first block as it is.
    assert names[1:4] == ["conv1_pad", "conv1", "layer0_0_bn1"]
    chain = ("bn1", "conv2_attention", "conv2", "bn2", "relu2", "as3", "se_scale", "conv3")
    places = [names.index(f"layer1_0_{part}") for part in chain]
    assert places == sorted(places)
    for before, after in zip(chain, chain[1:], strict=False):
        consumer = model.get_layer(f"layer1_0_{after}")
        consumed = consumer.input if isinstance(consumer.input, list) else [consumer.input]
        produced = model.get_layer(f"layer1_0_{before}").output
        assert any(tensor is produced for tensor in consumed), after
    shortcut = model.get_layer("layer1_0_shortcut")
    assert shortcut.input is model.get_layer("layer1_0_bn1").output
    assert model.get_layer("layer0_0_add").input[0] is model.get_layer("conv1").output
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert not any(layer.use_bias for layer in convolutions)


def test_convolutions_begin_as_the_authors():
    model = RubiksNet((1, 1), 72)
    for name, fan_out in (("conv1", 9 * 72), ("layer1_0_conv2", 72), ("layer2_0_conv3", 144)):
        kernel = np.array(model.get_layer(name).kernel)
        assert np.std(kernel) == pytest.approx(np.sqrt(2 / fan_out), rel=0.08)


@pytest.mark.parametrize(
    ("arguments", "shift", "mode", "attentions"),
    [
        ({}, RubiksShift2D, "interpolated", 0),
        ({"num_segments": 2}, RubiksShift3D, "interpolated", 0),
        ({"num_segments": 2, "variant": "quantized"}, RubiksShift3D, "quantized", 0),
        ({"variant": "quantized"}, RubiksShift2D, "quantized", 0),
        ({"num_segments": 2, "variant": "attention"}, RubiksShift2D, "interpolated", 3),
        ({"variant": "attention"}, RubiksShift2D, "interpolated", 0),
    ],
)
def test_variants(arguments, shift, mode, attentions):
    model = small(**arguments)
    shifts = [layer for layer in model.layers if isinstance(layer, RubiksShift2D)]
    assert [type(layer) for layer in shifts] == [shift] * 3
    assert {layer.mode for layer in shifts} == {mode}
    assert sum(isinstance(layer, AttentionShift) for layer in model.layers) == attentions


def test_any_input_size():
    model = small(include_top=False)
    assert model.input_shape == (None, None, None, 3)
    for height, width in ((32, 32), (45, 31)):
        expected = (2, -(-height // 8), -(-width // 8), 24)
        assert model(images(height, width)).shape == expected
    known = small(include_top=False, input_shape=(45, 31, 3))
    known.set_weights(model.get_weights())
    np.testing.assert_allclose(known(images(45, 31)), model(images(45, 31)), rtol=1e-5, atol=1e-5)


def test_top_and_pooling():
    maps = small(include_top=False)
    features = np.array(maps(images(40, 32)))
    for pooling, reduce in (("avg", np.mean), ("max", np.max)):
        pooled = small(include_top=False, pooling=pooling)
        pooled.set_weights(maps.get_weights())
        expected = reduce(features, axis=(1, 2))
        np.testing.assert_allclose(pooled(images(40, 32)), expected, rtol=1e-5, atol=1e-6)
    top = small(classes=5)
    kernel = np.random.default_rng(1).normal(size=(24, 5))
    top.set_weights([*maps.get_weights(), kernel, np.arange(5)])
    expected = features.mean(axis=(1, 2)) @ kernel + np.arange(5)
    np.testing.assert_allclose(top(images(40, 32)), expected, rtol=1e-4, atol=1e-4)


def test_weights_that_keras_saved(tmp_path):
    model = small(num_segments=2, classes=3)
    model.save(tmp_path / "model.keras")
    again = small(num_segments=2, classes=3, weights=tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images(32, 32)), model(images(32, 32)))
    np.testing.assert_array_equal(loaded(images(32, 32)), model(images(32, 32)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "rs"}, "`variant` must be one of interpolated.*variant='rs'"),
        ({"spatial": "free"}, "`spatial` must be one of learned, fixed.*spatial='free'"),
        ({"temporal": "free"}, "`temporal` must be one of learned, fixed.*temporal='free'"),
        (
            {"variant": "attention", "temporal": "fixed", "num_segments": 2},
            "`temporal` must be 'learned' with attention.*temporal='fixed'",
        ),
        ({"num_segments": 0}, "`num_segments` must be an integer.*num_segments=0"),
        ({"weights": "imagenet"}, "with a source of ImageNet weights"),
        ({"include_top": False, "pooling": "mean"}, "`pooling` must be.*'mean'"),
        ({"pooling": "avg"}, "`pooling` must be None.*include_top=True, pooling=.avg"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)
