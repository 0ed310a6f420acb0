"""A temporal layer of one's own: whoever treats temporal layers in a special way knows it."""

import keras
import numpy as np
import pytest

from benchmarks import layer_case
from gsf_tf import layers, ops
from gsf_tf.analysis import attention_figure, count_macs, shift_statistics
from gsf_tf.errors import UserError
from gsf_tf.layers import TemporalLayer
from gsf_tf.models import SegmentModel, from_preset, inflate, insert_temporal
from gsf_tf.training import initialize_from
from gsf_tf.training.temporal_layers import temporal_layers
from gsf_tf.weights import load_torch_checkpoint, save_torch_checkpoint
from gsf_tf.weights.torch_names import method_of

T, SHAPE = 2, (32, 32, 3)
PLACE = "layer1_0_conv3"


@keras.saving.register_keras_serializable(package="tests")
class MixedShift(TemporalLayer):
    """Moves every channel by its own number of frames, and mixes the channels of a frame."""

    method = "mix"
    op = "rubiks_shift"

    def build(self, input_shape):
        channels = input_shape[-1]
        self.shift = self.add_weight(shape=(1, channels), name="shift")
        self.kernel = self.add_weight(shape=(channels, channels), name="kernel")

    def call(self, inputs):
        still = keras.ops.zeros_like(self.shift)
        shift = keras.ops.concatenate([self.shift, still, still])
        return ops.rubiks_shift(inputs, shift, self.num_segments) @ self.kernel

    def channel_shifts(self):
        return self.shift

    def count_macs(self, input_shape, output_shape):
        return int(np.prod(output_shape)) * input_shape[-1], 7

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="tests")
class Uncounted(MixedShift):
    """A layer whose work nobody has written down."""

    count_macs = TemporalLayer.count_macs


class Replacing(MixedShift):
    replaces_layer = True


class Nameless(TemporalLayer):
    """It has no weights, and its method has no name."""

    def call(self, inputs):
        return inputs


def model_with(kind, num_classes=3):
    plain = from_preset("tsn_resnet14thin", num_classes, T, SHAPE)
    backbone = insert_temporal(plain.backbone, lambda name: kind(T, name=name), after=[PLACE])
    return SegmentModel(backbone, num_classes, T, name="mine")


@pytest.fixture(scope="module")
def model():
    return model_with(MixedShift)


def test_the_base_class_checks_and_saves_num_segments(model, tmp_path):
    with pytest.raises(ValueError, match="must be an integer >= 1.*num_segments=0"):
        MixedShift(0)
    assert MixedShift(4, name="m").get_config()["num_segments"] == 4
    with pytest.raises(ValueError, match="the same `num_segments`"):
        SegmentModel(model.backbone, 3, T + 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_every_temporal_layer_derives_from_it():
    exported = [getattr(layers, name) for name in layers.__all__]
    found = {kind.__name__ for kind in exported if issubclass(kind, TemporalLayer)}
    assert found - {"TemporalLayer"} == {
        "AttentionShift",
        "GateShift",
        "GateShiftFuse",
        "GroupedSpatialTemporal",
        "IntegerShift",
        "MotionSqueeze",
        "RubiksShift3D",
        "TemporalShift",
    }


def test_a_run_describes_it(model):
    (found,) = temporal_layers(model)
    assert found == {
        "name": f"{PLACE}_temporal",
        "class": "MixedShift",
        "arguments": {"num_segments": T},
    }


def test_a_shift_without_time_is_no_temporal_layer():
    image_model = from_preset("rubiksnet_mini", 3, 1, SHAPE)
    assert temporal_layers(image_model) == []
    video_model = temporal_layers(inflate(image_model, T))
    assert video_model and {layer["class"] for layer in video_model} == {"RubiksShift3D"}


def test_its_work_is_counted(model):
    plain = from_preset("tsn_resnet14thin", 3, T, SHAPE)
    layer = model.backbone.get_layer(f"{PLACE}_temporal")
    macs = T * np.prod(layer.output.shape[1:]) * layer.output.shape[-1]
    assert count_macs(model) - count_macs(plain) == macs
    extra = count_macs(model, convention="paper") - count_macs(plain, convention="paper")
    assert extra == macs + 7
    rules = {MixedShift: lambda call: (5, 0)}
    assert count_macs(model, rules=rules) - count_macs(plain) == 5


def test_work_that_is_not_known_is_not_counted_as_none():
    with pytest.raises(ValueError, match=r"without one: \w+_temporal \(Uncounted\).*`count_macs`"):
        count_macs(model_with(Uncounted))
    plain = from_preset("tsn_resnet14thin", 3, T, SHAPE)
    assert count_macs(model_with(Nameless)) == count_macs(plain)


def test_its_shifts_are_shown(model):
    layer = model.backbone.get_layer(f"{PLACE}_temporal")
    channels = layer.output.shape[-1]
    layer.shift.assign(np.resize([0.6, -1, 0.2, 0], (1, channels)))
    (statistics,) = shift_statistics(model)
    assert (statistics.kind, statistics.axes) == ("MixedShift", ("T",))
    np.testing.assert_array_equal(statistics.shifts, layer.shift)
    (axes,) = attention_figure([statistics]).axes
    (bars,) = axes.containers
    np.testing.assert_allclose([bar.get_height() for bar in bars], [0.25, 0.5, 0.25])
    with pytest.raises(ValueError, match="must have layers that shift"):
        shift_statistics(model_with(Nameless))


def test_checkpoints_of_the_papers_methods_do_not_take_it(model, tmp_path):
    with pytest.raises(UserError, match="of TSN, TSM, GSM, GSF or GST.*with layers of mix$"):
        save_torch_checkpoint(model, tmp_path / "a.pth.tar")
    with pytest.raises(UserError, match="with layers of Nameless$"):
        method_of(model_with(Nameless).backbone)
    plain = from_preset("tsn_resnet14thin", 3, T, SHAPE)
    save_torch_checkpoint(plain, tmp_path / "tsn.pth.tar")
    with pytest.raises(UserError, match="with layers of mix$"):
        load_torch_checkpoint(model, tmp_path / "tsn.pth.tar")


def test_fine_tuning_adds_it_and_leaves_it_out(model, tmp_path):
    plain = from_preset("tsn_resnet14thin", 3, T, SHAPE)
    plain.save(tmp_path / "plain.keras")
    report = initialize_from(model, tmp_path / "plain.keras", init_same_classes=True)
    assert report.new == (f"{PLACE}_temporal",)
    model.save(tmp_path / "mine.keras")
    assert initialize_from(plain, tmp_path / "mine.keras").unused == (f"{PLACE}_temporal",)
    with pytest.raises(UserError, match=f"{PLACE}_temporal: not in the source"):
        initialize_from(model_with(Replacing), tmp_path / "plain.keras")


def test_images_only_are_inflated(model):
    inputs = keras.Input(SHAPE)
    x = layers.RubiksShift2D()(MixedShift(T)(inputs))
    with pytest.raises(ValueError, match="with 1 shift layers, 1 temporal layers"):
        inflate(SegmentModel(keras.Model(inputs, x), 3, T), T)


def test_the_benchmark_of_the_ops_times_it(monkeypatch):
    def make(preset, num_classes, num_segments, input_shape):
        return model_with(MixedShift)

    monkeypatch.setattr(layer_case, "from_preset", make)
    (case,) = layer_case.find_cases(["mine"], SHAPE[0], T)
    assert (case.layer, case.op, case.uses) == ("MixedShift", "rubiks_shift", "mine:1")
    for passes in layer_case.PASSES:
        assert layer_case.make_candidate(case, "reference", passes)() > 0


@pytest.mark.parametrize(
    "preset, op",
    [
        ("tsm_resnet14thin", "temporal_shift"),
        ("gsm_resnet14thin", "gate_shift_fuse"),
        ("gsf_resnet14thin", "gate_shift_fuse"),
        ("rubiksnet_mini", "rubiks_shift"),
        ("rubiksnet_mini_aq", None),
        ("gst_resnet14thin", None),
    ],
)
def test_the_benchmark_finds_the_ops_of_presets(preset, op):
    cases = layer_case.find_cases([preset], SHAPE[0], T)
    assert {case.op for case in cases} == ({op} if op else set())
