"""The backbones whose weights Keras ships: places, normalization, and two steps of training."""

import dataclasses
import re
from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras.src.applications.efficientnet import IMAGENET_STDDEV_RGB

from gsf_tf.layers import ClipNormalization, GateShiftFuse, TemporalShift
from gsf_tf.models import from_preset
from gsf_tf.models.recipes import BACKBONES
from tests import exhaustive

apps = keras.applications


@dataclasses.dataclass(frozen=True)
class Case:
    """What is known of a backbone.

    Attributes:
        build: Keras' builder.
        gated: Number of residual branches, or of dense layers, by the paper's table.
        shifted: Those whose block has an identity path and an expansion.
        millions: Parameters with 1000 classes, from the table of https://keras.io/api/applications,
            or None if the classifier is more than a linear layer.
        has_layers: Whether Keras' own normalization is layers of the network, and not a function.
    """

    build: Callable
    gated: int
    shifted: int
    millions: float | None
    has_layers: bool = True


CASES = {
    "efficientnetb0": Case(apps.EfficientNetB0, 16, 9, 5.3),
    "efficientnetv2b0": Case(apps.EfficientNetV2B0, 21, 15, 7.2),
    "efficientnetv2b1": Case(apps.EfficientNetV2B1, 27, 21, 8.2),
    "efficientnetv2b2": Case(apps.EfficientNetV2B2, 28, 22, 10.2),
    "efficientnetv2b3": Case(apps.EfficientNetV2B3, 32, 26, 14.5),
    "efficientnetv2s": Case(apps.EfficientNetV2S, 40, 34, 21.6),
    "mobilenetv3small": Case(apps.MobileNetV3Small, 11, 6, None),
    "mobilenetv3large": Case(apps.MobileNetV3Large, 15, 9, None),
    "convnexttiny": Case(apps.ConvNeXtTiny, 18, 18, 28.6),
    "resnet50v2": Case(apps.ResNet50V2, 16, 16, 25.6, has_layers=False),
    "densenet121": Case(apps.DenseNet121, 58, 58, 8.1, has_layers=False),
}
# `make test-all` has the slow ones too.
EVERY_TIME = ("mobilenetv3small",)
LAYERS = (keras.layers.Rescaling, keras.layers.Normalization)
FUNCTIONS = {
    "mobilenetv2": apps.mobilenet_v2.preprocess_input,
    "resnet50v2": apps.resnet_v2.preprocess_input,
    "densenet121": apps.densenet.preprocess_input,
}


def names(backbones, every_time=EVERY_TIME):
    return exhaustive.cases(list(backbones), every_time.__contains__)


def image():
    return np.random.default_rng(0).integers(0, 256, (2, 2, 32, 32, 3), "uint8")


def test_every_backbone_of_keras_is_here():
    ours = {name for name, recipe in BACKBONES.items() if recipe.has_imagenet}
    assert ours == {*CASES, "mobilenetv2"}


@pytest.mark.parametrize("name", names(CASES))
def test_places_and_two_steps_of_training(name):
    case = CASES[name]
    tsm = from_preset(f"tsm_{name}", 3, 2, (32, 32, 3))
    shifts = [layer for layer in tsm.backbone.layers if isinstance(layer, TemporalShift)]
    assert len(shifts) == case.shifted
    model = from_preset(f"gsf_{name}", 3, 2, (32, 32, 3))
    assert sum(isinstance(layer, GateShiftFuse) for layer in model.backbone.layers) == case.gated
    for layer in model.backbone.layers:
        if name == "convnexttiny" and "layer_scale" in layer.name:
            # Keras starts these factors at 1e-6: a step would be below float32's resolution.
            layer.set_weights([np.ones_like(value) for value in layer.get_weights()])
    before = [np.array(variable) for variable in model.trainable_variables]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True)
    history = model.fit(image(), np.array([0, 2]), batch_size=2, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    moved = [
        np.abs(old - np.array(variable)).max() > 0
        for old, variable in zip(before, model.trainable_variables, strict=True)
    ]
    assert np.mean(moved) > 0.9


@pytest.mark.parametrize("name", names(CASES, every_time=("mobilenetv3small",)))
def test_a_shift_is_in_a_branch_with_an_identity_path(name):
    """The block of each shifted convolution ends in a sum, or in DenseNet's concatenation."""
    backbone = from_preset(f"tsm_{name}", 3, 2, (32, 32, 3)).backbone
    layers = [layer.name for layer in backbone.layers]
    for shift in [name for name in layers if name.endswith("_temporal")]:
        block = re.match(r".*?(block\d+[a-z]?|expanded_conv_\d+|block_\d+)", shift)[0]
        ends = [f"{block}_{end}" for end in ("add", "concat", "out", "identity")]
        assert any(end in layers for end in ends), shift


@pytest.mark.parametrize(
    "name",
    names([name for name, case in CASES.items() if case.millions], every_time=("efficientnetb0",)),
)
def test_parameters_as_published(name):
    model = from_preset(f"tsn_{name}", 1000, 1, (64, 64, 3))
    weights = sum(int(np.prod(variable.shape)) for variable in model.weights)
    assert round(weights / 1e6, 1) == CASES[name].millions


@pytest.mark.parametrize("name", FUNCTIONS)
def test_normalization_is_that_of_the_function(name):
    ours = ClipNormalization(**BACKBONES[name].normalization)(image())
    theirs = FUNCTIONS[name](image().astype("float32"))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("name", names([name for name, case in CASES.items() if case.has_layers]))
def test_normalization_is_that_of_the_layers(name):
    """The presets leave these layers out; what they compute must reach the first convolution."""
    network = CASES[name].build(include_top=False, weights=None, input_shape=(32, 32, 3))
    last = [layer for layer in network.layers if isinstance(layer, LAYERS)][-1]
    frames = image()[0].astype("float32")
    if name == "efficientnetb0":
        # What its file of weights holds: deviations where variances belong.
        mean = np.array([0.485, 0.456, 0.406])
        last.set_weights([mean, np.array(IMAGENET_STDDEV_RGB), np.array(0)])
        last.finalize_state()
    prepared = keras.Model(network.input, last.output)(frames)
    if name == "efficientnetb0":
        # The layer that repairs it is there with weights="imagenet" only.
        prepared = prepared / np.sqrt(IMAGENET_STDDEV_RGB)
    ours = ClipNormalization(**BACKBONES[name].normalization)(frames)
    np.testing.assert_allclose(ours, prepared, atol=1e-4)
    kinds = {type(layer) for layer in from_preset(f"tsn_{name}", 3, 1, (32, 32, 3)).backbone.layers}
    assert kinds.isdisjoint(LAYERS)
