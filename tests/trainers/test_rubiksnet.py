"""The RubiksNet configuration: annealing, budget and integer shifts through the programs."""

import keras
import numpy as np
import pytest

from configs.demo_rubiksnet import get_config
from gsf_tf.analysis import shift_statistics
from gsf_tf.errors import UserError
from gsf_tf.layers import AttentionShift
from gsf_tf.models import from_preset
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.workdir import Workdir
from tests import exhaustive
from tests.trainers.conftest import run
from tests.trainers.small_run import read_metrics, run_training, small_config
from trainers.run_shifts import shift_history


def rubiksnet_config(records, preset="rubiksnet_mini", **values):
    config = small_config(records)
    rubiksnet = get_config(preset)
    for name in ("model", "optimizer", "annealing"):
        config[name] = rubiksnet[name]
    config.model.image_size, config.model.num_segments = 32, 4
    config.update_from_flattened_dict({"epochs": 1, "warmup_epochs": 0, **values})
    return config


@pytest.fixture(scope="module")
def attention_run(records, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("rubiksnet") / "aq"
    values = {"epochs": 2, "annealing.epochs": 2}
    run_training(rubiksnet_config(records, "rubiksnet_mini_aq", **values), workdir)
    return workdir


def test_the_temperature_falls_and_the_share_is_logged(attention_run):
    metrics = read_metrics(attention_run)
    steps = metrics[-1]["step"]
    for line in metrics:
        # The last step of an epoch ran at the temperature of the step before its end.
        expected = 2.0 * (1e-3 / 2.0) ** ((line["step"] - 1) / steps)
        assert line["shift/temperature"] == pytest.approx(expected, rel=1e-5)
        assert 0 <= line["shift/nonzero_share"] <= 1
        assert 0 < line["shift/height"] < 2 and 0 < line["shift/width"] < 2
        assert line["lr/shift"] == pytest.approx(0.01 * line["lr/base"])
        assert line["lr/gamma_beta_bias"] == line["lr/base"]
    model = keras.models.load_model(attention_run / "model.keras")
    for layer in find_layers(model, AttentionShift):
        assert float(layer.temperature) == pytest.approx(1e-3)
    assert model.shift_budget == 0.125


def test_the_history_of_a_run_has_the_shifts_of_its_checkpoints(attention_run):
    model = keras.models.load_model(attention_run / "model.keras")
    trained = shift_statistics(model)
    history = shift_history(Workdir(attention_run), model)
    assert list(history)[-2:] == ["after epoch 1", "after epoch 2"]
    before, last = list(history.values())[-2:]
    assert [layer.name for layer in last] == [layer.name for layer in trained]
    for layer, expected in zip(last, trained, strict=True):
        np.testing.assert_allclose(layer.shifts, expected.shifts, atol=1e-6)
    assert any((a.shifts != b.shifts).any() for a, b in zip(before, last, strict=True))
    other = from_preset("rubiksnet_tiny", 3, num_segments=4, input_shape=(32, 32, 3))
    with pytest.raises(UserError, match="must be whole and of its model.*epoch-000"):
        shift_history(Workdir(attention_run), other)


def test_export_of_integer_shifts(attention_run):
    output = run("export", f"--workdir={attention_run}", "--harden").stdout
    assert "layer0_0_conv2_attention" in output and "budget 12.5%" in output
    assert (attention_run / "export" / "1" / "saved_model.pb").exists()


def test_a_model_without_shifts_cannot_be_hardened(trained):
    process = run("export", f"--workdir={trained}", "--harden", check=False)
    assert process.returncode == 1
    assert "Error: --harden needs something to harden" in process.stdout + process.stderr


@exhaustive.MARK
def test_quantized_and_fixed_shifts_train(records, tmp_path):
    values = {"model.shift_mode": "quantized", "model.spatial_shift": "fixed"}
    run_training(rubiksnet_config(records, **values), tmp_path / "run")
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    shift = model.backbone.get_layer("layer1_0_as3")
    assert (shift.mode, shift.spatial, shift.temporal) == ("quantized", "fixed", "learned")


@exhaustive.MARK
def test_fixed_shifts_train_without_normalization(records, tmp_path):
    values = {"model.spatial_shift": "fixed", "model.temporal_shift": "fixed"}
    run_training(rubiksnet_config(records, **values), tmp_path / "run")
    model = keras.models.load_model(tmp_path / "run" / "model.keras")
    assert not model.backbone.get_layer("layer1_0_as3").trainable_variables
