import keras
import numpy as np
import pytest

from gsf_tf import backbones
from gsf_tf.layers import GateShiftFuse, TemporalShift
from gsf_tf.models import from_preset, insert_temporal
from gsf_tf.models.default_places import families_of
from tests import exhaustive


@pytest.fixture(scope="module")
def mobilenet():
    return keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None
    )


class AddOne(keras.layers.Layer):
    def call(self, inputs):
        return inputs + 1


def make_add_one(name):
    return AddOne(name=name)


def small_residual_backbone():
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(2, 1, kernel_initializer="ones", name="conv")(inputs)
    y = keras.layers.Rescaling(10.0, name="branch")(x)
    return keras.Model(inputs, keras.layers.Add(name="add")([x, y]), name="small")


def test_after_changes_the_output_for_every_reader():
    model = insert_temporal(small_residual_backbone(), make_add_one, after=["conv"])
    # conv of ones sums two channels: 2; plus one: 3; 3 + 10 * 3.
    np.testing.assert_array_equal(model(np.ones((1, 4, 4, 2))), np.full((1, 4, 4, 2), 33.0))


def test_before_leaves_the_identity_path_alone():
    model = insert_temporal(small_residual_backbone(), make_add_one, before=["branch"])
    # identity 2; branch 10 * (2 + 1).
    np.testing.assert_array_equal(model(np.ones((1, 4, 4, 2))), np.full((1, 4, 4, 2), 32.0))
    assert model.get_layer("branch_temporal")


def test_weights_are_kept(mobilenet):
    model = insert_temporal(
        mobilenet, lambda name: TemporalShift(1, name=name), after=["block_3_project"]
    )
    assert model.get_layer("Conv1") is mobilenet.get_layer("Conv1")
    assert model.output_shape == mobilenet.output_shape
    assert [w.path for w in model.weights] == [w.path for w in mobilenet.weights]


@pytest.mark.parametrize(
    ("build", "after"),
    exhaustive.cases(
        [
            (keras.applications.MobileNetV2, "block_6_project"),
            (keras.applications.MobileNetV3Small, "expanded_conv_3_project"),
            (keras.applications.ResNet50, "conv3_block1_3_conv"),
            (keras.applications.ResNet50V2, "conv3_block1_3_conv"),
            (keras.applications.EfficientNetB0, "block3b_project_conv"),
            (keras.applications.DenseNet121, "conv3_block1_2_conv"),
            (keras.applications.InceptionV3, "mixed3"),
            (keras.applications.ConvNeXtTiny, "convnext_tiny_stage_1_block_0_pointwise_conv_2"),
        ],
        lambda case: case[0] is keras.applications.MobileNetV2,
    ),
)
def test_keras_applications(build, after):
    backbone = build(input_shape=(96, 96, 3), include_top=False, weights=None)
    before = backbone.count_params()
    channels = backbone.get_layer(after).output.shape[-1]
    model = insert_temporal(backbone, lambda name: GateShiftFuse(2, name=name), after=[after])
    assert model.count_params() == before + 29 * channels + 40 + 2 * channels
    x = np.random.default_rng(0).normal(size=(4, 96, 96, 3)).astype("float32")
    assert np.isfinite(np.asarray(model(x))).all()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"after": ["block_3_projekt"]}, "'block_3_projekt'. Did you mean 'block_3_project'"),
        ({"after": []}, "must name at least one layer.*Pass neither of them"),
        ({"after": ["Conv1"], "before": ["Conv1"]}, "name a layer once.*'Conv1' twice"),
    ],
)
def test_bad_places(mobilenet, kwargs, message):
    with pytest.raises(ValueError, match=message):
        insert_temporal(mobilenet, make_add_one, **kwargs)


# Name, places, one of them, and the side of the image. The places are counted in the papers: blocks
# of the residual families, layers of DenseNet's blocks, normal cells of NASNet.
DEFAULTS = [
    (keras.applications.ResNet50, 3 + 4 + 6 + 3, "conv5_block3_3_conv", 32),
    (keras.applications.ResNet50V2, 3 + 4 + 6 + 3, "conv5_block3_3_conv", 32),
    (keras.applications.InceptionV3, 3 + 1 + 4 + 1 + 2, None, 75),
    (keras.applications.InceptionResNetV2, 10 + 20 + 10, "block17_20_conv", 75),
    (keras.applications.Xception, 3 + 8 + 1, "block13_sepconv2", 71),
    (keras.applications.MobileNet, 13, "conv_pw_13", 32),
    (keras.applications.MobileNetV2, 1 + 2 + 3 + 4 + 3 + 3 + 1, "block_16_project", 32),
    (keras.applications.MobileNetV3Small, 1 + 2 + 3 + 2 + 3, "expanded_conv_10_project", 32),
    (keras.applications.EfficientNetB0, 1 + 2 + 2 + 3 + 3 + 4 + 1, "block7a_project_conv", 32),
    (keras.applications.EfficientNetV2B0, 1 + 2 + 2 + 3 + 5 + 8, "block6h_project_conv", 32),
    (keras.applications.DenseNet121, 6 + 12 + 24 + 16, "conv5_block16_2_conv", 32),
    (keras.applications.ConvNeXtTiny, 3 + 3 + 9 + 3, None, 32),
    (keras.applications.NASNetMobile, 4 + 4 + 4, "normal_conv_1_12", 32),
    (keras.applications.VGG16, 5, "block5_conv3", 32),
    (keras.applications.VGG19, 5, "block5_conv4", 32),
    (backbones.BNInception, 10, "inception_4e_3x3_reduce", 64),
    (backbones.InceptionV3, 11, "mixed_8_tower_conv_Conv2D", 75),
    (backbones.ResNet50, 3 + 4 + 6 + 3, "layer4_2_conv3", 32),
    (backbones.ResNet18, 2 + 2 + 2 + 2, "layer4_1_conv2", 32),
]


def random_clip(model):
    rng = np.random.default_rng(0)
    brightness = rng.normal(size=(4, 1, 1, 3))
    return (brightness + rng.normal(size=(4, *model.input_shape[1:]))).astype(model.dtype)


def keep_activations_in_range(model):
    """Sets what keeps random weights from hiding the branches: statistics and layer scales."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
        if layer.name.endswith("layer_scale"):  # ConvNeXt's, 1e-6 at first, for kernels of 0.02.
            layer.gamma.assign(np.full(layer.gamma.shape, 10.0))
    model(random_clip(model), training=True)


def effect_of_the_order(model):
    """How much the mean over frames changes if the clip is played backwards, relatively."""
    clip = random_clip(model)
    frames = np.asarray(model(np.concatenate([clip, clip[::-1]])), "float64")
    forward, backward = frames.reshape(2, len(clip), -1).mean(1)
    return np.abs(forward - backward).max() / np.abs(forward).max()


@pytest.fixture
def in_float64():
    """Deep networks with random weights enlarge the rounding of float32, which differs by CPU."""
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


# The others have a kind of block that one of these has, or are deep. MobileNetV3 has a preset in
# test_keras_backbones.py.
EVERY_TIME = (
    keras.applications.InceptionV3,
    keras.applications.MobileNet,
    keras.applications.MobileNetV2,
    keras.applications.VGG16,
    backbones.ResNet18,
)


@pytest.mark.parametrize(
    ("build", "places", "place", "side"),
    exhaustive.cases(DEFAULTS, lambda case: case[0] in EVERY_TIME),
)
def test_default_places(build, places, place, side, in_float64):
    backbone = build(input_shape=(side, side, 3), include_top=False, weights=None)
    assert len(families_of([layer.name for layer in backbone.layers])) == 1
    keep_activations_in_range(backbone)
    assert effect_of_the_order(backbone) < 1e-5
    # NASNetMobile's 44 channels have no half that is a multiple of four.
    ratio = 1.0 if build is keras.applications.NASNetMobile else 0.5
    for make_layer in (
        lambda name: TemporalShift(4, name=name),
        lambda name: GateShiftFuse(4, channel_ratio=ratio, name=name),
    ):
        model = insert_temporal(backbone, make_layer, start="paper")
        temporal = [layer for layer in model.layers if layer.name.endswith("_temporal")]
        assert len(temporal) == places
        assert place is None or model.get_layer(f"{place}_temporal") in temporal
        assert all(layer.output.shape == layer.input.shape for layer in temporal)
        assert all(model.get_layer(layer.name) is layer for layer in backbone.layers[1:])
        assert model.output_shape == backbone.output_shape
        assert effect_of_the_order(model) > 1e-3


@pytest.mark.parametrize(
    ("build", "places", "place", "side"),
    [
        case
        for case in DEFAULTS
        if case[0] in (keras.applications.EfficientNetB0, keras.applications.ResNet50V2)
    ],
)
def test_default_places_of_deep_networks(build, places, place, side):
    """They are counted; test_default_places also runs these networks, in `make test-all`."""
    backbone = build(input_shape=(side, side, 3), include_top=False, weights=None)
    model = insert_temporal(backbone, lambda name: GateShiftFuse(4, 0.5, name=name), start="paper")
    temporal = [layer.name for layer in model.layers if isinstance(layer, GateShiftFuse)]
    assert len(temporal) == places and temporal[-1] == f"{place}_temporal"


def test_the_default_places_of_inception_v3_follow_the_first_branch():
    backbone = keras.applications.InceptionV3(
        input_shape=(75, 75, 3), include_top=False, weights=None
    )
    model = insert_temporal(backbone, lambda name: TemporalShift(1, name=name))
    convolutions = [
        model.get_layer(layer.name.removesuffix("_temporal"))
        for layer in model.layers
        if isinstance(layer, TemporalShift)
    ]
    # Szegedy et al., Rethinking the Inception Architecture, as Keras builds it.
    assert sorted((conv.filters, conv.kernel_size[0]) for conv in convolutions) == sorted(
        [(64, 1)] * 3 + [(384, 3)] + [(192, 1)] * 4 + [(320, 3)] + [(320, 1)] * 2
    )


@pytest.mark.parametrize(
    "name",
    exhaustive.cases(
        ["resnet50", "bninception", "inceptionv3", "mobilenetv2"],
        lambda name: name in ("bninception", "mobilenetv2"),
    ),
)
def test_default_places_are_those_of_the_presets(name):
    preset, plain = (from_preset(f"{method}_{name}", 3) for method in ("gsf", "tsn"))
    model = insert_temporal(plain.backbone, lambda name: TemporalShift(8, name=name))
    ours, expected = (
        [layer.name for layer in backbone.layers[1:]] for backbone in (model, preset.backbone)
    )
    assert ours == expected


def test_the_places_of_an_unknown_family_must_be_named():
    with pytest.raises(ValueError, match="At least one layer.*ConvNeXt.*'small', which belongs to"):
        insert_temporal(small_residual_backbone(), make_add_one)


def test_a_subclassed_backbone_is_an_error():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="functional.*Subclassed"):
        insert_temporal(Subclassed(), make_add_one, after=["x"])


def test_a_layer_called_twice_is_an_error():
    inputs = keras.Input((4,))
    dense = keras.layers.Dense(4, name="shared")
    model = keras.Model(inputs, dense(dense(inputs)))
    with pytest.raises(ValueError, match="'shared', which it calls several times"):
        insert_temporal(model, make_add_one, after=["shared"])


def test_inserting_twice_into_the_same_backbone(mobilenet):
    make = lambda name: TemporalShift(2, name=name)  # noqa: E731
    once = insert_temporal(mobilenet, make, after=["block_3_project"])
    twice = insert_temporal(once, make, after=["block_6_project"])
    names = [layer.name for layer in twice.layers]
    assert "block_3_project_temporal" in names and "block_6_project_temporal" in names
