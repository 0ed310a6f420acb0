"""Every public layer takes a `keras.DTypePolicy` object, and is saved and cloned with it."""

import keras
import pytest

from gsf_tf import layers

ARGUMENTS = {
    "AttentionShift": {"num_segments": 2},
    "BatchNormalization": {},
    "ClipNormalization": {"mean": (1, 2, 3), "std": (4, 5, 6)},
    "FoldSegments": {},
    "GateShift": {"num_segments": 2},
    "GateShiftFuse": {"num_segments": 2},
    "GroupedSpatialTemporal": {"filters": 4, "num_segments": 2},
    "IntegerShift": {"num_segments": 2},
    "MotionSqueeze": {"num_segments": 2, "window": 3, "filters": 4},
    "RubiksShift2D": {},
    "RubiksShift3D": {"num_segments": 2},
    "SegmentConsensus": {"num_segments": 2},
    "TemporalLayer": {"num_segments": 2},
    "TemporalShift": {"num_segments": 2},
}
SHAPES = {
    "ClipNormalization": (4, 4, 3),
    "FoldSegments": (2, 4, 4, 3),
    "SegmentConsensus": (5,),
}


def test_no_public_layer_is_left_out():
    public = [name for name in layers.__all__ if issubclass(getattr(layers, name), keras.Layer)]
    assert sorted(ARGUMENTS) == sorted(public)


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16", "float64"])
def test_configuration_saving_and_cloning(name, policy, tmp_path):
    layer_class = getattr(layers, name)
    layer = layer_class(**ARGUMENTS[name], dtype=keras.DTypePolicy(policy))
    config = layer.get_config()
    again = layer_class.from_config(config)
    assert again.get_config() == config
    assert again.dtype_policy == keras.DTypePolicy(policy)
    if name == "TemporalLayer":
        return  # The base class computes nothing.
    inputs = keras.Input(SHAPES.get(name, (4, 4, 8)))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for copy in (loaded, keras.models.clone_model(model)):
        assert copy.layers[1].get_config() == config
        assert copy.output_shape == model.output_shape
