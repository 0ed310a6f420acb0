"""Checkpoints of RubiksNet: PyTorch twins saved as the authors save, and our models with them."""

import itertools

import keras
import numpy as np
import pytest

import gsf_tf
from gsf_tf.backbones import RubiksNet
from gsf_tf.weights import (
    CheckpointError,
    infer_preset,
    load_torch_checkpoint,
    save_torch_checkpoint,
)

torch = pytest.importorskip("torch", reason="the twins are PyTorch networks")

from tests import exhaustive  # noqa: E402
from tests.program_forks import run_program  # noqa: E402
from tests.torch_twins.rubiksnet import RubiksNetwork, randomize_rubiksnet  # noqa: E402
from tests.torch_twins.save_as_authors import save_rubiksnet_as_authors  # noqa: E402

TIERS = ("mini", "tiny", "small", "medium", "large")


def clips_and_frames(num_segments, size=64):
    """Returns a clip in 0..255, and its frames as the twin wants them."""
    mean = np.array([123.675, 116.28, 103.53], "float32")
    std = np.array([58.395, 57.12, 57.375], "float32")
    shape = (num_segments, size, size, 3)
    clip = np.random.default_rng(0).normal(mean, std, shape).astype("float32")
    return clip[None], torch.from_numpy((clip - mean) / std).permute(0, 3, 1, 2)


def logits_of(twin, frames):
    with torch.no_grad():
        return twin(frames).numpy()


def assert_close(ours, theirs):
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def save_twin(path, tier="mini", change=None, entries=None, **options):
    """Saves a twin, after `change` of its state dictionary and with other entries beside it."""
    twin = randomize_rubiksnet(RubiksNetwork(tier, 5, 2, **options), seed=1).eval()
    state = dict(twin.state_dict())
    if change is not None:
        change(state)
    save_rubiksnet_as_authors(twin, path, **{"model": state, **(entries or {})})
    return twin


def mini(attention=False, num_segments=2, **options):
    name = "rubiksnet_mini_aq" if attention else "rubiksnet_mini"
    return gsf_tf.models.from_preset(name, 5, num_segments, (64, 64, 3), **options)


def assert_not_loaded(model, path, *messages):
    before = [np.array(weight) for weight in model.weights]
    with pytest.raises(CheckpointError) as error:
        load_torch_checkpoint(model, path)
    for message in messages:
        assert message in str(error.value)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.fixture(scope="module")
def small_network():
    return mini()


@pytest.mark.parametrize(
    ("tier", "attention", "millions"),
    [
        ("tiny", False, 1.8988),
        ("small", False, 3.5974),
        ("medium", False, 6.1856),
        ("large", False, 8.5383),
        ("tiny", True, 1.9041),
        ("large", True, 8.5639),
    ],
)
def test_parameters_of_the_twins(tier, attention, millions):
    twin = RubiksNetwork(tier, 174, 8, attention)
    assert round(sum(p.numel() for p in twin.parameters()) / 1e6, 4) == millions


@pytest.mark.parametrize(
    ("tier", "attention"),
    exhaustive.cases(
        list(itertools.product(TIERS, (False, True))),
        lambda case: case[0] == "mini" or case == ("small", False),
    ),
)
def test_logits_are_the_twins(tmp_path, tier, attention):
    """With 8 and 16 frames from the same file, and the way back into the twin."""
    path = tmp_path / "theirs.pth.tar"
    twin = randomize_rubiksnet(RubiksNetwork(tier, 5, 8, attention), seed=1).eval()
    save_rubiksnet_as_authors(twin, path, zip_format=attention)
    arguments = infer_preset(path).complete()
    assert arguments == {
        "preset": f"rubiksnet_{tier}{'_aq' if attention else ''}",
        "num_classes": 5,
        "num_segments": 8,
        "channel_ratio": None,
    }
    for num_segments in (8, 16):
        arguments.update(num_segments=num_segments, input_shape=(64, 64, 3))
        model = gsf_tf.models.from_preset(**arguments)
        load_torch_checkpoint(model, path)
        clip, frames = clips_and_frames(num_segments)
        longer = RubiksNetwork(tier, 5, num_segments, attention).eval()
        longer.load_state_dict(twin.state_dict())
        assert_close(model(clip), logits_of(longer, frames))

    save_torch_checkpoint(model, tmp_path / "ours.pth.tar")
    saved = torch.load(tmp_path / "ours.pth.tar", weights_only=True)
    state, expected = saved.pop("model"), dict(twin.state_dict())
    assert saved == {
        "tier": tier,
        "num_classes": 5,
        "num_frames": 16,
        "variant": "rubiks3d-aq" if attention else "rubiks3d",
    }
    randomize_rubiksnet(twin, seed=2).load_state_dict(state, strict=True)
    for name, value in twin.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, expected[name])


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("first_stage", [0, 1])
def test_names_and_shapes_that_vary(tmp_path, first_stage, wrapped):
    """Small has squeeze-excitation; `wrapped`: `shortcut.0`, 1x1 convolutions and T of `[1]`."""
    options = {"attention": True, "first_stage": first_stage, "wrapped": wrapped}
    path = tmp_path / "a.pth.tar"
    twin = save_twin(path, "small", **options)
    assert f"backbone.layer{first_stage + 4}.2.conv3.weight" in twin.state_dict()
    assert ("backbone.layer3.0.shortcut.0.weight" in twin.state_dict()) == wrapped
    model = gsf_tf.models.from_preset(**infer_preset(path).complete(), input_shape=(64, 64, 3))
    assert model.name == "rubiksnet_small_aq"
    load_torch_checkpoint(model, path)
    clip, frames = clips_and_frames(2)
    assert_close(model(clip), logits_of(twin, frames))


def test_all_that_is_wrong_is_listed_in_the_names_of_the_file(tmp_path, small_network):
    def change(state):
        del state["backbone.layer1.0.as3.rubiks3d.shift"]
        del state["backbone.layer2.1.bn1.running_var"]
        state["backbone.conv1.weight"] = torch.zeros(32, 3, 5, 5)
        state["backbone.layer2.0.extra.weight"] = torch.zeros(1)

    save_twin(tmp_path / "a.pth.tar", change=change, first_stage=1)
    assert_not_loaded(
        small_network,
        tmp_path / "a.pth.tar",
        "2 missing in the file:\n  layer1.0.as3.rubiks3d.shift\n  layer2.1.bn1.running_var\n",
        "1 with another shape:\n  conv1.weight: [32, 3, 5, 5] in the file, [32, 3, 3, 3] in the",
        "1 in the file, without use:\n  layer2.0.extra.weight\n",
        "nothing was loaded",
        "infer_preset(path)",
    )


@pytest.mark.parametrize(
    ("name", "shape", "missing"),
    [
        ("layer2.0.shortcut.2.weight", (72, 72, 1, 1), "layer2.0.shortcut.weight"),
        ("layer2.0.as3.weight", (6, 72), "layer2.0.se.fc1.weight"),
        ("layer7.0.conv3.weight", (1, 1, 1, 1), "layer0.0.conv3.weight"),
    ],
)
def test_what_is_ambiguous_is_listed(tmp_path, name, shape, missing):
    """A second shortcut, a second first matrix, stages with a gap."""
    model = gsf_tf.models.from_preset("rubiksnet_small", 5, 2, (64, 64, 3))

    def change(state):
        state[f"backbone.{name}"] = torch.zeros(shape)

    path = tmp_path / "a.pth.tar"
    save_twin(path, "small", change=change, wrapped=True, first_stage=1)
    assert_not_loaded(model, path, f"\n  {missing}\n", f"\n  {name}\n")


@pytest.mark.parametrize("attention", [False, True])
def test_the_other_variant(tmp_path, attention):
    save_twin(tmp_path / "a.pth.tar", attention=not attention)
    theirs, ours = ("rubiks3d", "rubiks3d-aq") if attention else ("rubiks3d-aq", "rubiks3d")
    message = f"weights of {theirs} in {tmp_path}/a.pth.tar, for "
    assert_not_loaded(mini(attention), tmp_path / "a.pth.tar", message, f"which is {ours};")


def test_another_tier_or_number_of_classes(tmp_path, small_network):
    save_twin(tmp_path / "tiny.pth.tar", "tiny")
    message = "conv1.weight: [54, 3, 3, 3] in the file, [32, 3, 3, 3] in the model"
    assert_not_loaded(small_network, tmp_path / "tiny.pth.tar", message, "infer_preset(path)")

    twin = save_twin(tmp_path / "mini.pth.tar")
    model = gsf_tf.models.from_preset("rubiksnet_mini", 7, 2, (64, 64, 3))
    head = np.array(model.get_layer("classifier").kernel)
    message = "new_fc.weight: [5, 128] in the file, [7, 128] in the model"
    assert_not_loaded(model, tmp_path / "mini.pth.tar", message, "skip_head=True")
    load_torch_checkpoint(model, tmp_path / "mini.pth.tar", skip_head=True)
    np.testing.assert_array_equal(head, model.get_layer("classifier").kernel)
    shift = twin.backbone.layer3[1].as3.rubiks3d.shift.detach()
    np.testing.assert_array_equal(model.backbone.get_layer("layer3_1_as3").shift, shift)


def test_models_without_counterpart(tmp_path):
    save_twin(tmp_path / "a.pth.tar")
    save_twin(tmp_path / "aq.pth.tar", attention=True)
    image_model = mini(num_segments=1)
    hardened = gsf_tf.models.harden(mini(attention=True)).model
    for model, file, message in (
        (image_model, "a.pth.tar", "shifts in space only. `gsf_tf.models.inflate`"),
        (hardened, "aq.pth.tar", "integer shifts. Use the model that was passed to `harden`."),
    ):
        assert_not_loaded(model, tmp_path / file, message)
        with pytest.raises(CheckpointError, match=message.split(".")[0]):
            save_torch_checkpoint(model, tmp_path / "b.pth.tar")
    gsf = gsf_tf.models.from_preset("gsf_resnet14thin", 5, 2, (32, 32, 3))
    assert_not_loaded(gsf, tmp_path / "a.pth.tar", "layer1.0.gsf.bn.weight", "infer_preset(path)")
    save_torch_checkpoint(gsf, tmp_path / "gsf.pth.tar")
    assert_not_loaded(mini(), tmp_path / "gsf.pth.tar", "layer0.0.as3.rubiks3d.shift")

    backbone = RubiksNet((1, 1, 1, 1), 24, 2, include_top=False, input_shape=(64, 64, 3))
    with pytest.raises(CheckpointError, match="names its tier, one of tiny, small"):
        save_torch_checkpoint(gsf_tf.models.SegmentModel(backbone, 5, 2), tmp_path / "b.pth.tar")
    assert not (tmp_path / "b.pth.tar").exists()


def test_quantized_shifts_are_saved_rounded(tmp_path):
    save_twin(tmp_path / "a.pth.tar")
    quantized, interpolated = mini(shift_mode="quantized"), mini()
    load_torch_checkpoint(quantized, tmp_path / "a.pth.tar")
    with pytest.raises(CheckpointError, match=r"harden\(model\)"):
        save_torch_checkpoint(quantized, tmp_path / "b.pth.tar")
    rounded = gsf_tf.models.harden(quantized).model
    save_torch_checkpoint(rounded, tmp_path / "b.pth.tar")
    load_torch_checkpoint(interpolated, tmp_path / "b.pth.tar")
    clip, _ = clips_and_frames(2)
    assert_close(interpolated(clip), np.array(quantized(clip)))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"tier": "small"}, "the file has the entry tier='small', but weights of 'mini'"),
        ({"variant": "rubiks3d-aq"}, "the entry variant='rubiks3d-aq', but weights of 'rub"),
        ({"num_classes": 174}, "the file has the entry num_classes=174, but weights of 5"),
    ],
)
def test_entries_that_contradict_the_weights(tmp_path, small_network, entries, message):
    """The preset is unknown then; the weights still fit the model that they are of."""
    save_twin(tmp_path / "a.pth.tar", entries=entries)
    found = infer_preset(tmp_path / "a.pth.tar")
    assert (found.preset, found.num_classes, found.num_segments) == (None, 5, 2)
    with pytest.raises(CheckpointError, match=f"preset must be given: .*{message}"):
        found.complete()
    assert found.complete("rubiksnet_mini")["preset"] == "rubiksnet_mini"
    load_torch_checkpoint(small_network, tmp_path / "a.pth.tar")


def test_weights_of_no_tier(tmp_path):
    def change(state):
        for name in [name for name in state if name.startswith("backbone.layer3.1.")]:
            del state[name]

    save_twin(tmp_path / "a.pth.tar", change=change)
    found = infer_preset(tmp_path / "a.pth.tar")
    assert (found.preset, found.reason) == (
        None,
        "the file's layers belong to no tier of RubiksNet",
    )


def test_convert_there_and_back(tmp_path):
    theirs, ours, again = (tmp_path / name for name in ("a.pth.tar", "a.keras", "b.pth.tar"))
    twin = save_twin(theirs, attention=True)
    done = run_program("convert", f"--checkpoint={theirs}", f"--output={ours}", "--image_size=64")
    assert done.returncode == 0, done.stderr
    for text in ("preset: rubiksnet_mini_aq", "num_classes: 5", "num_segments: 2"):
        assert text in done.stdout
    clip, frames = clips_and_frames(2)
    assert_close(keras.models.load_model(ours)(clip), logits_of(twin, frames))

    done = run_program("convert", "--reverse", f"--model={ours}", f"--output={again}")
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(path, weights_only=True) for path in (theirs, again))
    assert {**first, "model": None} == {**second, "model": None}
    assert set(first["model"]) == set(second["model"])
    for name, value in first["model"].items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value.flatten(), second["model"][name].flatten())
