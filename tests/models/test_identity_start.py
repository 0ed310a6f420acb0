"""A pretrained backbone keeps its features when GSF, GSM or RubiksShift is inserted."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import backbones
from gsf_tf.layers import GateShift, GateShiftFuse, RubiksShift3D, TemporalShift
from gsf_tf.models import from_preset, insert_temporal
from gsf_tf.models.identity_start import absorb, was_trained
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.weights import load_torch_checkpoint, save_torch_checkpoint
from tests import exhaustive

T = 4
ROUNDING = 1e-5


def gsf(name):
    return GateShiftFuse(T, 0.5, name=name)


def gsm(name):
    return GateShift(T, 0.5, name=name)


def rubiks(name):
    return RubiksShift3D(T, name=name)


def thin_resnet(input_shape, block="bottleneck", include_top=False, weights=None):
    return backbones.ResNet((1, 1), 16, block, include_top, input_shape=input_shape)


def beginning(build, last, **options):
    """A builder of a network's first blocks, up to a layer."""

    def build_beginning(**arguments):
        network = build(**options, **arguments)
        return keras.Model(network.input, network.get_layer(last).output, name=network.name)

    return build_beginning


def frames(model, clips=1):
    shape = (T * clips, *model.input_shape[1:])
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def trained(build, side):
    """A backbone with weights as after a training: no vector is constant."""
    backbone = build(input_shape=(side, side, 3), include_top=False, weights=None)
    rng = np.random.default_rng(1)
    for weight in backbone.weights:
        if len(weight.shape) == 1:
            weight.assign(np.asarray(weight) + rng.uniform(0.05, 0.3, weight.shape))
    for layer in find_layers(backbone, keras.layers.BatchNormalization):
        layer.momentum = 0.5
    backbone(frames(backbone), training=True)
    return backbone


@pytest.fixture(scope="module")
def thin():
    return trained(thin_resnet, 32)


def difference(model, backbone, x):
    ours, theirs = (np.asarray(each(x), "float64") for each in (model, backbone))
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def correlation(model, backbone, x):
    return np.corrcoef(np.ravel(model(x)), np.ravel(backbone(x)))[0, 1]


FAMILIES = [
    (thin_resnet, 32),
    (beginning(keras.applications.MobileNetV2, "block_4_add", alpha=0.35), 64),
    (beginning(keras.applications.EfficientNetB0, "block3b_add"), 64),
    (beginning(backbones.BNInception, "inception_3c_output"), 64),
]


@pytest.mark.parametrize(
    ("build", "side"), exhaustive.cases(FAMILIES, lambda case: case in (FAMILIES[0], FAMILIES[3]))
)
def test_the_features_are_the_backbones(build, side):
    backbone = trained(build, side)
    x = frames(backbone)
    before = np.asarray(backbone(x))
    for make_layer in (gsf, gsm):
        model = insert_temporal(backbone, make_layer)
        assert find_layers(model, (GateShift, GateShiftFuse))
        assert difference(model, backbone, x) < ROUNDING
        np.testing.assert_array_equal(backbone(x), before)
    # What it was good for: without it, the layers behind see permuted channels.
    assert difference(insert_temporal(backbone, gsf, start="paper"), backbone, x) > 0.1


@pytest.mark.parametrize("make_layer", [gsf, gsm, rubiks])
def test_both_paths_of_the_ops_start_as_the_identity(thin, make_layer, ops_path):
    model = insert_temporal(thin, make_layer)
    assert difference(model, thin, frames(thin, clips=2)) < ROUNDING


@pytest.mark.parametrize("places", ["conv1", "conv2"])
def test_every_place_of_table_3(thin, places):
    after = [f"layer{stage}_0_{places}" for stage in (1, 2)]
    assert difference(insert_temporal(thin, gsf, after=after), thin, frames(thin)) < ROUNDING


def test_before_a_convolution_whose_input_others_read(thin):
    model = insert_temporal(thin, gsf, before=["layer2_0_conv1"])
    assert difference(model, thin, frames(thin)) < ROUNDING
    assert (
        correlation(
            insert_temporal(thin, gsf, before=["layer2_0_conv1"], start="paper"), thin, frames(thin)
        )
        < 1 - 1e-3
    )


def test_basic_blocks():
    backbone = trained(lambda **kwargs: thin_resnet(block="basic", **kwargs), 32)
    assert difference(insert_temporal(backbone, gsf), backbone, frames(backbone)) < ROUNDING


def test_half_precision_has_the_same_features_to_the_bit():
    """1 - F is a half and its reciprocal 2, so neither rounds."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        backbone = trained(thin_resnet, 32)
        model = insert_temporal(backbone, lambda name: GateShiftFuse(T, 0.5, name=name))
    finally:
        keras.config.set_dtype_policy("float32")
    x = frames(backbone)
    assert model(x).dtype == "bfloat16"
    np.testing.assert_array_equal(
        np.asarray(model(x), "float32"), np.asarray(backbone(x), "float32")
    )


def test_only_the_convolutions_beside_the_layers_are_copies(thin):
    frozen = thin.get_layer("layer1_0_conv3")
    frozen.trainable = False
    try:
        model = insert_temporal(thin, gsf)
    finally:
        frozen.trainable = True
    copies = {layer.name for layer in thin.layers[1:] if model.get_layer(layer.name) is not layer}
    assert copies == {"layer1_0_conv3", "layer2_0_conv3"}
    assert not model.get_layer("layer1_0_conv3").trainable
    assert model.get_layer("layer2_0_conv3").trainable


def test_the_default_is_the_identity_for_trained_weights_only(thin):
    new = thin_resnet((32, 32, 3))
    assert was_trained(thin) and not was_trained(new)
    gates = [
        np.any(find_layers(insert_temporal(backbone, gsf), GateShiftFuse)[0].gate_kernel)
        for backbone in (new, thin)
    ]
    assert gates == [True, False]
    assert not was_trained(insert_temporal(new, gsf))
    # The constants of a preprocessing layer are no trained weights.
    assert not was_trained(
        keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(32, 32, 3))
    )


def test_a_layer_without_an_identity_start_keeps_its_own_by_default(thin):
    shifted = insert_temporal(thin, lambda name: TemporalShift(T, name=name))
    assert all(shifted.get_layer(layer.name) is layer for layer in thin.layers[1:])
    fixed = insert_temporal(thin, lambda name: GateShiftFuse(T, 0.5, gate=1, name=name))
    assert difference(fixed, thin, frames(thin)) > 0.1


def with_layer(layer):
    inputs = keras.Input((4, 4, 8))
    return keras.Model(inputs, layer(inputs), name="one_layer")


@pytest.mark.parametrize(
    ("layer", "side", "make_layer", "message"),
    [
        (keras.layers.Conv2D(8, 1, name="x"), "after", lambda name: TemporalShift(T, name=name),
         "GateShift unless.*Received: 'x_temporal', a TemporalShift"),
        (keras.layers.Conv2D(8, 1, name="x"), "after",
         lambda name: GateShiftFuse(T, gate=-1, name=name), "'x_temporal', a GateShiftFuse"),
        (keras.layers.MaxPooling2D(name="x"), "after", gsf, "'x', a MaxPooling2D.*start='paper'"),
        (keras.layers.BatchNormalization(name="x"), "before", gsf, "'x', a BatchNormalization"),
        (keras.layers.DepthwiseConv2D(1, name="x"), "after", gsf, "'x', a DepthwiseConv2D"),
        (keras.layers.Conv2D(8, 1, groups=2, name="x"), "after", gsf, "of one group"),
        (keras.layers.Conv2D(8, 1, activation="gelu", name="x"), "after", gsf,
         "without activation or with a ReLU"),
        (keras.layers.SeparableConv2D(8, 1, name="x"), "before", gsf, "'x', a SeparableConv2D"),
    ],
)  # fmt: skip
def test_what_cannot_start_as_the_identity(layer, side, make_layer, message):
    backbone = with_layer(layer)
    with pytest.raises(ValueError, match=message):
        insert_temporal(backbone, make_layer, start="identity", **{side: ["x"]})


def test_an_unknown_start(thin):
    for build in (
        lambda: insert_temporal(thin, gsf, start="papers"),
        lambda: from_preset("gsf_resnet14thin", 3, start="papers"),
    ):
        with pytest.raises(ValueError, match="'identity', 'paper'.*Received: start='papers'"):
            build()


@pytest.mark.parametrize(
    ("layer", "is_after"),
    [
        (keras.layers.Conv2D(8, 3), True),
        (keras.layers.Conv2D(8, 3, use_bias=False, activation="relu"), True),
        (keras.layers.Dense(8, activation="relu"), True),
        (keras.layers.SeparableConv2D(8, 3), True),
        (keras.layers.Conv2D(5, 3, padding="same"), False),
        (keras.layers.Dense(5, activation="gelu"), False),
    ],
)
def test_filters_undo_any_order_and_any_scale(layer, is_after):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 6, 8)).astype("float32")
    layer(x)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    expected = np.asarray(layer(x))
    order, scale = rng.permutation(8), rng.uniform(0.2, 3, 8).astype("float32")
    absorb(layer, order, scale, is_after)

    def reorder(values):
        return scale * np.asarray(values)[..., order]

    found = reorder(layer(x)) if is_after else np.asarray(layer(reorder(x)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def order_effect(model, x):
    """How much the mean over frames changes if the clip is played backwards, relatively."""
    forward, backward = (np.asarray(model(clip)).mean(0) for clip in (x, x[::-1]))
    return np.abs(forward - backward).max() / np.abs(forward).max()


@pytest.mark.parametrize("make_layer", [gsf, gsm])
def test_training_opens_the_gates(thin, make_layer, ops_path):
    model = insert_temporal(thin, make_layer)
    layers = find_layers(model, (GateShift, GateShiftFuse))
    x = frames(thin)
    assert order_effect(model, x) < ROUNDING
    target = np.random.default_rng(2).normal(size=model(x).shape)
    learned = [layer.gate_kernel for layer in layers] + [layer.gate_bias for layer in layers]
    for layer in find_layers(model, GateShiftFuse):
        learned += [*layer.fusion_kernels, *layer.fusion_biases]
    before = [np.array(variable) for variable in learned]
    optimizer = keras.optimizers.SGD(0.05)
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((model(x, training=True) - target) ** 2)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
    for old, variable in zip(before, learned, strict=True):
        assert np.abs(variable - old).max() > 1e-6, variable.path
    assert order_effect(model, x) > 100 * ROUNDING


PRESET = {"num_classes": 3, "num_segments": T, "input_shape": (32, 32, 3)}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A torch file with the weights of a trained backbone, and its TSN."""
    source = from_preset("tsn_resnet14thin", **PRESET)
    source.backbone.set_weights(
        trained(
            lambda **kwargs: backbones.ResNet(
                (1, 1, 1, 1), 16, include_top=False, input_shape=kwargs["input_shape"]
            ),
            32,
        ).get_weights()
    )
    path = tmp_path_factory.mktemp("identity") / "thin.pth"
    save_torch_checkpoint(source, path)
    return path, source


def test_presets_start_as_the_identity_from_pretrained_weights(pretrained):
    path, source = pretrained
    x = frames(source.backbone)
    for preset in ("gsf_resnet14thin", "gsm_resnet14thin"):
        model = from_preset(preset, weights=path, **PRESET)
        assert difference(model.backbone, source.backbone, x) < ROUNDING
        paper = from_preset(preset, weights=path, start="paper", **PRESET)
        np.testing.assert_array_equal(
            paper.backbone.get_layer("layer1_0_conv3").kernel,
            source.backbone.get_layer("layer1_0_conv3").kernel,
        )
        assert correlation(paper.backbone, source.backbone, x) < 0.8
    # Random weights start as in the papers, and the fixed gates of Table 5 have no other start.
    assert np.any(
        find_layers(from_preset("gsf_resnet14thin", **PRESET), GateShiftFuse)[0].gate_bias
    )
    options = {"gate": 1, "fusion": "sum"}
    from_preset("gsf_resnet14thin", weights=path, temporal_options=options, **PRESET)


def test_the_start_survives_saving_and_the_authors_format(pretrained, tmp_path):
    path, source = pretrained
    model = from_preset("gsf_resnet14thin", weights=path, **PRESET)
    model.save(tmp_path / "model.keras")
    save_torch_checkpoint(model, tmp_path / "model.pth.tar")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    converted = from_preset("gsf_resnet14thin", **PRESET)
    load_torch_checkpoint(converted, tmp_path / "model.pth.tar")
    for again in (loaded, converted):
        assert difference(again.backbone, source.backbone, frames(source.backbone)) < ROUNDING


def test_tsm_moves_as_many_channels_as_asked(pretrained):
    model = from_preset("tsm_resnet14thin", temporal_options={"fold_div": 16}, **PRESET)
    assert {layer.fold_div for layer in find_layers(model, TemporalShift)} == {16}
