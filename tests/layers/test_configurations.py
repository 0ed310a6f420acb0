"""Every argument of every public layer and initializer survives `from_config(get_config())`."""

import inspect
import json

import keras
import numpy as np
import pytest

from gsf_tf import layers
from gsf_tf.layers.batch_normalization import FIXED
from gsf_tf.models import from_preset
from gsf_tf.training.batch_norm import configure_batch_norm

GATED = {"num_segments": 3, "channel_ratio": 0.5, "momentum": 0.7, "epsilon": 0.01,
         "synchronized": True, "causal": True}  # fmt: skip
SHIFT = {"strides": 2, "mode": "quantized", "spatial": "fixed",
         "spatial_initializer": layers.ShiftGroups(5, 0.1, 7)}  # fmt: skip
# Values that no argument has by default.
VALUES = {
    "AttentionShift": {"num_segments": 3, "temperature": 1.5, "initializer": "ones",
                       "causal": True},
    "BatchNormalization": {
        "momentum": 0.7, "epsilon": 0.01, "activation": "relu", "synchronized": True,
        "beta_initializer": "ones", "gamma_initializer": "zeros", "moving_mean_initializer": "ones",
        "moving_variance_initializer": "zeros", "beta_regularizer": keras.regularizers.L2(0.1),
        "gamma_regularizer": keras.regularizers.L1(0.1),
        "beta_constraint": keras.constraints.NonNeg(),
        "gamma_constraint": keras.constraints.UnitNorm(),
    },
    "ClipNormalization": {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0], "channel_order": "bgr"},
    "FoldSegments": {},
    "GateShift": GATED,
    "GateShiftFuse": GATED | {
        "gate": -1, "fusion": "sum", "fusion_initializer": keras.initializers.HeNormal(seed=3),
    },
    "GroupedSpatialTemporal": {"filters": 8, "num_segments": 3, "strides": 2, "beta": 1},
    "IntegerShift": {"num_segments": 3},
    "MotionSqueeze": {
        "num_segments": 3, "window": 5, "filters": 8, "sigma": 2.0, "temperature": 10.0,
        "momentum": 0.7, "epsilon": 0.01, "synchronized": True,
    },
    "RubiksShift2D": SHIFT,
    "RubiksShift3D": SHIFT | {
        "num_segments": 3, "temporal": "fixed",
        "temporal_initializer": layers.ShiftFolds(4, 0.1, 7), "causal": True,
    },
    "SegmentConsensus": {"num_segments": 3},
    "ShiftFolds": {"fold_div": 4, "noise": 0.1, "seed": 7},
    "ShiftGroups": {"kernel_size": 5, "noise": 0.1, "seed": 7, "order": "rows"},
    "TemporalLayer": {"num_segments": 3},
    "TemporalShift": {"num_segments": 3, "fold_div": 4, "causal": True},
}  # fmt: skip
OF_ALL_LAYERS = {"name": "a_name", "trainable": False, "dtype": "mixed_bfloat16"}
# Keras' renormalization is off here, and its two values mean nothing without it.
WITHOUT_EFFECT = {*FIXED, "renorm_clipping", "renorm_momentum"}


def arguments(layer_class):
    """Names of the arguments of a class and of the classes to which it passes others on."""
    names = set()
    for base in layer_class.__mro__:
        if base in (keras.layers.Layer, keras.initializers.Initializer):
            break
        if "__init__" in vars(base) and base.__name__ != "GatedShift":
            names |= inspect.signature(base.__init__).parameters.keys()
    return names - {"self", "kwargs"} - WITHOUT_EFFECT


def plain(value):
    """A value as JSON holds it."""
    if isinstance(value, (str, int, float, bool, list, type(None))):
        return value
    return json.loads(json.dumps(keras.saving.serialize_keras_object(value)))


def test_no_argument_is_left_out():
    assert sorted(VALUES) == sorted(layers.__all__)
    for name, values in VALUES.items():
        assert values.keys() == arguments(getattr(layers, name)), name


@pytest.mark.parametrize("name", VALUES)
def test_every_argument_survives(name):
    layer_class, values = getattr(layers, name), dict(VALUES[name])
    if issubclass(layer_class, keras.layers.Layer):
        values |= OF_ALL_LAYERS
    config = json.loads(json.dumps(layer_class(**values).get_config()))
    again = layer_class.from_config(config).get_config()
    assert json.loads(json.dumps(again)) == config
    for argument, value in values.items():
        found = config[argument]
        if argument == "dtype":
            assert found["config"]["name"] == value
        elif argument.endswith("initializer"):
            assert found == plain(keras.initializers.get(value)), argument
        else:
            assert found == plain(value), argument
        default = inspect.signature(layer_class.__init__).parameters.get(argument)
        assert default is None or default.default != value, argument


@pytest.mark.parametrize(
    ("preset", "inner"),
    [("gsf_resnet14thin", 4), ("gsm_resnet14thin", 4), ("tsm_resnet14thin_ms", 9)],
)
def test_what_training_configures_survives(preset, inner):
    model = from_preset(preset, 3, num_segments=2, input_shape=(32, 32, 3))
    configure_batch_norm(model, momentum=0.7, synchronized=True, frozen="none")
    again = keras.models.clone_model(model.backbone)
    found = [x for x in again._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    assert len(found) == 17 + inner  # The backbone's, and those of the temporal layers.
    assert {(layer.momentum, layer.synchronized) for layer in found} == {(0.7, True)}


def test_an_initializer_that_was_read_back_fills_each_kernel_anew():
    layer = layers.GateShiftFuse(2, fusion_initializer=keras.initializers.HeNormal())
    for each in (layer, layers.GateShiftFuse.from_config(layer.get_config())):
        each.build((None, 4, 4, 8))
        first, second = map(np.array, each.fusion_kernels)
        assert np.all(first != second)
