import itertools

import keras
import numpy as np
import pytest

from gsf_tf.layers import (
    GateShift,
    GateShiftFuse,
    GroupedSpatialTemporal,
    MotionSqueeze,
    TemporalShift,
)
from gsf_tf.models import SegmentModel, from_preset, list_presets
from gsf_tf.weights import TorchCheckpoint, save_torch_checkpoint
from gsf_tf.weights.write_torch_file import write_torch_file
from tests import exhaustive
from tests.conftest import OPS_PATHS
from tests.models.randomize import randomize

# Temporal layers and, where the authors' networks are the measure, millions of parameters for the
# 174 classes of Something-Something.
EXPECTED = {
    "tsn_bninception": (0, 10.4486),
    "tsm_bninception": (10, 10.4486),
    "gsm_bninception": (10, 10.4997),
    "gsf_bninception": (10, 10.5000),
    "tsn_inceptionv3": (0, None),
    "tsm_inceptionv3": (11, None),
    "gsm_inceptionv3": (10, 22.2076),
    "gsf_inceptionv3": (11, 22.2229),
    "tsn_resnet50": (0, 23.8646),
    "tsm_resnet50": (16, 23.8646),
    "gsm_resnet50": (16, None),
    "gsf_resnet50": (16, 23.9747),
    "gst_resnet50": (16, 21.0352),
    "gst_large_resnet50": (16, 29.5232),
    "tsm_resnet50_ms": (16, 23.9355),
    "gsf_resnet50_ms": (16, 24.0456),
    "tsm_resnet14thin_ms": (4, None),
    "gsf_resnet14thin_ms": (4, None),
    "tsn_resnet34": (0, 21.3739),
    "tsm_resnet34": (16, 21.3739),
    "tsn_resnet18": (0, 11.2658),
    "tsm_resnet18": (8, 11.2658),
    "tsn_resnet101": (0, None),
    "tsm_resnet101": (2 + 2 + 12 + 2, None),
    "gsm_resnet101": (33, None),
    "gsf_resnet101": (33, 43.0937),
    "gst_resnet101": (33, None),
    "gst_large_resnet101": (33, None),
    "tsn_mobilenetv2": (0, None),
    "tsm_mobilenetv2": (10, None),
    "gsm_mobilenetv2": (17, None),
    "gsf_mobilenetv2": (17, None),
    "tsn_resnet14thin": (0, None),
    "tsm_resnet14thin": (4, None),
    "gsm_resnet14thin": (4, None),
    "gsf_resnet14thin": (4, None),
    "gst_resnet14thin": (4, None),
    "gst_large_resnet14thin": (4, None),
}
# Temporal layers of TSM, and of GSM and GSF. tests/models/test_keras_backbones.py says why.
OTHER_BACKBONES = {
    "efficientnetlite0": (9, 16),
    "efficientnetb0": (9, 16),
    "efficientnetv2b0": (15, 21),
    "efficientnetv2b1": (21, 27),
    "efficientnetv2b2": (22, 28),
    "efficientnetv2b3": (26, 32),
    "efficientnetv2s": (34, 40),
    "mobilenetv3small": (6, 11),
    "mobilenetv3large": (9, 15),
    "convnexttiny": (18, 18),
    "resnet50v2": (16, 16),
    "densenet121": (58, 58),
}
for name, (shifted, gated) in OTHER_BACKBONES.items():
    for method, places in {"tsn": 0, "tsm": shifted, "gsm": gated, "gsf": gated}.items():
        EXPECTED[f"{method}_{name}"] = (places, None)
KINDS = {
    "tsn": (),
    "tsm": TemporalShift,
    "gsm": GateShift,
    "gsf": GateShiftFuse,
    "gst": GroupedSpatialTemporal,
}
# What is run and not only built: one backbone of each kind of construction.
RUN = [
    name
    for name in sorted(EXPECTED)
    if name.endswith(("resnet14thin", "mobilenetv2")) or name == "gsf_bninception"
]


def small(preset, **kwargs):
    return from_preset(preset, num_classes=5, num_segments=4, input_shape=(64, 64, 3), **kwargs)


def trainable_parameters(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def clip(batch=2):
    return np.random.default_rng(1).integers(0, 256, (batch, 4, 64, 64, 3), "uint8")


def test_every_preset_is_listed():
    assert [name for method in sorted(KINDS) for name in list_presets(f"{method}_*")] == sorted(
        EXPECTED
    )
    assert list_presets("gst_resnet*") == ["gst_resnet101", "gst_resnet14thin", "gst_resnet50"]


@pytest.mark.parametrize(
    "preset",
    # Every method on the smallest network, and some on others. Keras' backbones have their own.
    exhaustive.cases(
        sorted(EXPECTED),
        lambda name: (
            name.endswith("_resnet14thin")
            or name in ("gsf_bninception", "gst_resnet50", "tsm_resnet14thin_ms", "tsm_resnet18")
        ),
    ),
)
def test_parameters_and_temporal_layers(preset):
    temporal_layers, millions = EXPECTED[preset]
    model = from_preset(preset, num_classes=174)
    kind = KINDS[preset[:3]]
    assert sum(isinstance(layer, kind) for layer in model.backbone.layers) == temporal_layers
    motion = [layer for layer in model.backbone.layers if isinstance(layer, MotionSqueeze)]
    assert len(motion) == preset.endswith("_ms")
    if millions is not None:
        assert round(trainable_parameters(model) / 1e6, 4) == millions


@exhaustive.MARK
@pytest.mark.parametrize(
    ("ratio", "millions"), [(0.125, 23.9200), (0.5, 24.0842), (0.75, 24.1937), (1.0, 24.3032)]
)
def test_resnet50_with_other_shares_of_the_channels(ratio, millions):
    model = from_preset("gsf_resnet50", num_classes=174, channel_ratio=ratio)
    assert round(trainable_parameters(model) / 1e6, 4) == millions


@pytest.mark.parametrize(
    ("preset", "kwargs", "layers", "millions"),
    exhaustive.cases(
        [
            ("gsf_resnet50", {"placement": "conv1", "channel_ratio": 1.0}, 16, 23.9747),
            ("gsf_resnet50", {"placement": "conv2", "channel_ratio": 1.0}, 16, 23.9747),
            ("gsf_resnet50", {"placement": "all", "channel_ratio": 1.0}, 48, 24.5235),
            ("gsf_resnet50", {"last_blocks": 4}, 4, 23.9167),
            ("gsf_resnet50", {"last_blocks": 8}, 8, 23.9465),
            ("gsf_bninception", {"last_blocks": 1}, 1, 10.4588),
            ("gsf_bninception", {"last_blocks": 5}, 5, 10.4803),
            ("gsf_bninception", {"placement": "all"}, 38, 10.6227),
            ("gsf_bninception", {"channel_ratio": 0.125}, 10, 10.4554),
        ],
        lambda case: case[0] == "gsf_bninception" and case[1] != {"last_blocks": 1},
    ),
)
def test_studies_of_the_paper(preset, kwargs, layers, millions):
    model = from_preset(preset, num_classes=174, **kwargs)
    assert sum(isinstance(layer, GateShiftFuse) for layer in model.backbone.layers) == layers
    assert round(trainable_parameters(model) / 1e6, 4) == millions


@pytest.mark.parametrize(
    ("preset", "ops_path"),
    exhaustive.cases(
        list(itertools.product(RUN, OPS_PATHS)),
        lambda case: "thin" in case[0] or case == ("gsf_mobilenetv2", "compiled"),
    ),
    indirect=["ops_path"],
)
def test_logits_depend_on_the_order_of_frames_only_with_temporal_layers(ops_path, preset):
    model = small(preset)
    randomize(model, clip())
    forward, backward = model(clip()), model(clip()[:, ::-1])
    difference = np.abs(np.asarray(forward) - np.asarray(backward)).max()
    scale = np.abs(np.asarray(forward)).max()
    if preset.startswith("tsn"):
        assert difference < 1e-5 * scale
    else:
        assert difference > 1e-4 * scale


@pytest.mark.parametrize(
    "policy", exhaustive.cases(["mixed_bfloat16", "mixed_float16"], "mixed_float16".__eq__)
)
def test_saved_model_keeps_its_precision(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        model = small("gsf_resnet14thin")
    finally:
        keras.config.set_dtype_policy("float32")
    randomize(model, clip())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(clip()), model(clip()))


@pytest.mark.parametrize(
    ("preset", "policy", "ops_path"),
    exhaustive.cases(
        [
            (f"{method}_resnet14thin", f"mixed_{dtype}", path)
            for method in ("gsf", "tsm")
            for dtype in ("bfloat16", "float16")
            for path in OPS_PATHS
        ],
        # The reference path is Keras operations, which know mixed precision by themselves.
        lambda case: case == ("gsf_resnet14thin", "mixed_bfloat16", "compiled"),
    ),
    indirect=["ops_path"],
)
def test_fit_under_mixed_precision(ops_path, preset, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = small(preset)
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(clip(4), np.arange(4), batch_size=2, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert model(clip()).dtype == "float32"


def test_float_input_equals_uint8_input():
    model = small("gsf_resnet14thin")
    np.testing.assert_array_equal(model(clip()), model(clip().astype("float32")))


def test_weights_from_a_file(tmp_path):
    model = small("gsf_resnet14thin")
    randomize(model, clip())
    model.save(tmp_path / "trained.keras")
    again = small("gsf_resnet14thin", weights=tmp_path / "trained.keras")
    np.testing.assert_array_equal(again(clip()), model(clip()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small("gsf_resnet5"), "Did you mean 'gsf_resnet50'"),
        (lambda: small("tsn_resnet50", channel_ratio=0.5), r"belongs to the gsm_\* and gsf_\*"),
        (lambda: small("gsf_resnet50", placement="conv4"), "conv3, conv1, conv2, all.*'conv4'"),
        (
            lambda: small("gsf_resnet14thin", last_blocks=5),
            "between 1 and 4.*Received: last_blocks=5",
        ),
        (lambda: small("gsm_resnet14thin", temporal_options={"gate": 1}), "temporal_options"),
        (
            lambda: small("gsf_resnet14thin", weights="imagenet"),
            "only for the backbones .*mobilenetv2.*for .resnet14thin",
        ),
        (lambda: small("gsf_resnet14thin", channel_ratio=0.05), "multiple of 4"),
        (
            lambda: from_preset("tsm_resnet14thin_ms", 5, num_segments=1),
            "2 or more, because it compares",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_model_and_layers_must_agree_on_the_number_of_segments():
    backbone = small("tsm_resnet14thin").backbone
    with pytest.raises(ValueError, match="num_segments=8 for the model, 4 in the layer"):
        SegmentModel(backbone, num_classes=5, num_segments=8)


def test_a_backbone_that_pools_by_itself():
    backbone = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None, pooling="avg"
    )
    model = SegmentModel(backbone, num_classes=3, num_segments=4)
    assert model(clip()).shape == (2, 3)


def test_gst_starts_from_a_part_of_the_pretrained_kernels(tmp_path):
    """As in the authors' code: the first 3/4 of the outputs and 1/beta of the inputs."""
    source = small("tsn_resnet14thin")
    save_torch_checkpoint(source, tmp_path / "all.pth.tar")
    state = TorchCheckpoint.read(tmp_path / "all.pth.tar").tensors
    weights = {name: tensor.numpy() for name, tensor in state.items() if "new_fc" not in name}
    write_torch_file(weights, tmp_path / "backbone.pth")
    expected = np.array(source.backbone.get_layer("layer2_0_conv2").kernel)
    for preset, inputs in (("gst_resnet14thin", 16), ("gst_large_resnet14thin", 32)):
        model = small(preset, weights=tmp_path / "backbone.pth")
        layer = model.backbone.get_layer("layer2_0_conv2_temporal")
        np.testing.assert_array_equal(layer.spatial_kernel[0], expected[:, :, :inputs, :24])
        conv1 = model.backbone.get_layer("layer2_0_conv1").kernel
        np.testing.assert_array_equal(conv1, source.backbone.get_layer("layer2_0_conv1").kernel)


def test_motion_squeeze_is_between_layer2_and_layer3():
    """Both the branch and the shortcut of layer3 read its output, and TSM shifts behind it."""
    backbone = small("tsm_resnet14thin_ms").backbone
    squeeze = backbone.get_layer("layer2_0_out_temporal")
    assert isinstance(squeeze, MotionSqueeze)
    assert squeeze.input is backbone.get_layer("layer2_0_out").output
    for reader in ("layer3_0_conv1_temporal", "layer3_0_downsample_0"):
        assert backbone.get_layer(reader).input is squeeze.output
