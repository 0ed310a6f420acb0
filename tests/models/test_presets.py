import subprocess
import sys

import keras
import numpy as np
import pytest

from gsf_tf.layers import GateShiftFuse, TemporalShift
from gsf_tf.models import SegmentModel, from_preset, list_presets

# Placement and counts: GSF paper, Tables 3, 4, 7 and 8, and 174 classes of Something-Something;
# the rows of MobileNetV2 and ResNet-14 thin are not in the papers.
EXPECTED = {
    "tsn_resnet50": (23_864_558, 0),
    "tsm_resnet50": (23_864_558, 16),
    "gsf_resnet50": (23_974_702, 16),
    "tsn_mobilenetv2": (2_446_766, 0),
    "tsm_mobilenetv2": (2_446_766, 10),
    "gsf_mobilenetv2": (None, 17),
    "tsn_resnet14thin": (None, 0),
    "tsm_resnet14thin": (None, 4),
    "gsf_resnet14thin": (None, 4),
}


def small(preset, **kwargs):
    return from_preset(preset, num_classes=5, num_segments=4, input_shape=(64, 64, 3), **kwargs)


def randomize(model):
    """Gives every weight a value of its own and the moving statistics those of a batch."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(np.asarray(weight) + rng.uniform(-0.3, 0.3, weight.shape))
    classifier = model.get_layer("classifier").kernel
    classifier.assign(rng.normal(size=classifier.shape))
    normalizations = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(clip(), training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum


def clip(batch=2):
    return np.random.default_rng(1).integers(0, 256, (batch, 4, 64, 64, 3), "uint8")


def test_every_preset_is_listed():
    assert list_presets() == sorted(EXPECTED)
    assert list_presets("gsf_*") == ["gsf_mobilenetv2", "gsf_resnet14thin", "gsf_resnet50"]


@pytest.mark.parametrize("preset", sorted(EXPECTED))
def test_parameters_and_temporal_layers(preset):
    parameters, temporal_layers = EXPECTED[preset]
    model = from_preset(preset, num_classes=174)
    kind = {"tsn": (), "tsm": TemporalShift, "gsf": GateShiftFuse}[preset[:3]]
    assert sum(isinstance(layer, kind) for layer in model.backbone.layers) == temporal_layers
    if parameters is not None:
        assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == parameters


@pytest.mark.parametrize(
    ("ratio", "millions"), [(0.125, 23.9200), (0.5, 24.0842), (0.75, 24.1937), (1.0, 24.3032)]
)
def test_resnet50_with_other_shares_of_the_channels(ratio, millions):
    model = from_preset("gsf_resnet50", num_classes=174, channel_ratio=ratio)
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert round(parameters / 1e6, 4) == millions


@pytest.mark.parametrize("preset", sorted(EXPECTED))
def test_logits_depend_on_the_order_of_frames_only_with_temporal_layers(ops_path, preset):
    model = small(preset)
    randomize(model)
    forward, backward = model(clip()), model(clip()[:, ::-1])
    difference = np.abs(np.asarray(forward) - np.asarray(backward)).max()
    scale = np.abs(np.asarray(forward)).max()
    if preset.startswith("tsn"):
        assert difference < 1e-5 * scale
    else:
        assert difference > 1e-4 * scale


def test_saved_models_load_in_a_new_process_with_equal_outputs(ops_path, tmp_path):
    expected = {}
    for preset in EXPECTED:
        model = small(preset)
        randomize(model)
        model.save(tmp_path / f"{preset}.keras")
        expected[preset] = np.asarray(model(clip()))
    np.save(tmp_path / "clip.npy", clip())
    program = (
        "import pathlib, sys, numpy, keras, gsf_tf\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "clip = numpy.load(folder / 'clip.npy')\n"
        "with gsf_tf.ops.use_implementation(sys.argv[2]):\n"
        "    for file in folder.glob('*.keras'):\n"
        "        numpy.save(file.with_suffix('.npy'), keras.models.load_model(file)(clip))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path), ops_path], check=True)
    for preset, logits in expected.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{preset}.npy"), logits)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("preset", ["gsf_resnet14thin", "tsm_resnet14thin"])
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
    randomize(model)
    model.save(tmp_path / "trained.keras")
    again = small("gsf_resnet14thin", weights=tmp_path / "trained.keras")
    np.testing.assert_array_equal(again(clip()), model(clip()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small("gsf_resnet5"), "Did you mean gsf_resnet50"),
        (lambda: small("tsn_resnet50", channel_ratio=0.5), "belongs to the gsf_"),
        (lambda: small("gsf_resnet50", weights="imagenet"), "Keras ships no ImageNet weights"),
        (lambda: small("gsf_resnet14thin", channel_ratio=0.05), "multiple of 4"),
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
