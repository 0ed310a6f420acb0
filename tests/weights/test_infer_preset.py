"""What names and shapes say about a checkpoint's model."""

import re

import pytest

import gsf_tf
from gsf_tf.weights import CheckpointError, infer_preset, save_torch_checkpoint

torch = pytest.importorskip("torch", reason="the twins are PyTorch networks")

from tests.torch_twins import make_twin, save_as_authors  # noqa: E402


@pytest.mark.parametrize(
    ("method", "backbone", "ratio"),
    [
        ("gsf", "bninception", 1.0),
        ("gsf", "bninception", 0.75),
        ("gsm", "bninception", 0.125),
        ("gsf", "inceptionv3", 0.5),
        ("gsm", "inceptionv3", 0.25),
        ("gsf", "resnet50", 0.25),
        ("gsf", "resnet101", 0.125),
        ("gsm", "resnet50", 1.0),
        ("tsm", "resnet101", None),
        ("tsn", "resnet50", None),
        ("tsm", "resnet34", None),
        ("tsn", "resnet18", None),
        ("gst", "resnet50", None),
        ("gst_large", "resnet14thin", None),
    ],
)
def test_twins(tmp_path, method, backbone, ratio):
    path = tmp_path / f"something-v1_{backbone}_avg_segment16_best.pth.tar"
    save_as_authors(make_twin(method, backbone, 7, 16, ratio), path, method)
    found = infer_preset(path)
    assert found.complete() == {
        "preset": f"{method}_{backbone}",
        "num_classes": 7,
        "num_segments": 16,
        "channel_ratio": ratio,
    }


@pytest.mark.parametrize(
    ("processed", "share"),
    # int(64 * 0.3) is 19, one more is 20; int(256 * 0.3) is 76. No share gives 20 and 64.
    [((20, 76), 0.3), ((20, 64), None)],
)
def test_a_share_is_rounded_in_every_layer(tmp_path, processed, share):
    first, second = processed
    tensors = {
        "layer1.0.conv3.weight": torch.zeros(64, 1),
        "layer1.0.gsf.bn.weight": torch.zeros(first),
        "layer2.0.conv3.weight": torch.zeros(256, 1),
        "layer2.0.gsf.bn.weight": torch.zeros(second),
    }
    torch.save({"model_state_dict": tensors}, tmp_path / "a.pth.tar")
    found = infer_preset(tmp_path / "a.pth.tar")
    assert found.channel_ratio == share
    if share is None:
        with pytest.raises(CheckpointError, match="no share explains all modules"):
            found.complete("gsf_resnet50", 3, 8)


def test_what_is_unknown_has_to_be_given(tmp_path):
    path = tmp_path / "a.pth.tar"
    save_as_authors(make_twin("tsm", "bninception", 4, 8), path, "tsm")
    found = infer_preset(path)
    assert (found.preset, found.num_classes, found.num_segments) == (None, 4, None)
    with pytest.raises(CheckpointError) as error:
        found.complete()
    assert "tsn_bninception or tsm_bninception" in str(error.value)
    assert "num_segments must be given" in str(error.value)
    arguments = found.complete(preset="tsm_bninception", num_segments=8)
    assert arguments["preset"] == "tsm_bninception" and arguments["num_segments"] == 8


def test_what_is_given_must_not_contradict_the_file(tmp_path):
    path = tmp_path / "segment8.pth.tar"
    save_as_authors(make_twin("gsf", "resnet50", 4, 8), path, "gsf")
    found = infer_preset(path)
    with pytest.raises(CheckpointError) as error:
        found.complete("gsm_resnet50", 5, 8, 0.5)
    for text in (
        "preset is gsf_resnet50 in the file. Received: gsm_resnet50",
        "num_classes is 4 in the file. Received: 5",
        "channel_ratio=0.5 does not process the 64 of 256 channels of layer1.0.gsf",
    ):
        assert text in str(error.value)
    assert found.complete(num_segments=16)["num_segments"] == 16
    assert found.complete(channel_ratio=0.25)["channel_ratio"] == 0.25


def test_plain_backbones(tmp_path):
    for name, base in (("resnet50", "resnet50"), ("bninception", "bninception")):
        network = make_twin("tsn", base, 5, 1).base_model
        state = network.state_dict() | {"last_linear.weight": torch.zeros(1000, 8)}
        torch.save(state, tmp_path / f"{name}.pth")
        found = infer_preset(tmp_path / f"{name}.pth")
        assert (found.preset, found.num_classes) == (f"tsn_{name}", 1000)
    shorter = make_twin("tsn", "resnet34", 5, 1)
    del shorter.base_model.layer4[2]
    save_as_authors(shorter, tmp_path / "a.pth", "tsn")
    assert infer_preset(tmp_path / "a.pth").preset is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        # alpha 8: an eighth of the outputs is spatiotemporal.
        ({"Tconv": (2, 8, 3, 3, 3)}, "alpha 4.*16 planes.*[2, 8, 3, 3, 3]"),
        ({"conv2": (12, 4, 1, 3, 3)}, "beta 2 or 1.*[12, 4, 1, 3, 3]"),
        ({"Tconv": (4, 16, 3, 3, 3)}, "beta 2 or 1.*[4, 16, 3, 3, 3]"),
        ({"conv2": (12, 8, 3, 3)}, "two kernels of 3D convolutions"),
    ],
)
def test_other_groups_than_gsts_are_named(tmp_path, change, message):
    state = make_twin("gst", "resnet14thin", 3, 2).base_model.state_dict()
    for name, shape in change.items():
        state[f"layer1.0.{name}.weight"] = torch.zeros(shape)
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    found = infer_preset(tmp_path / "a.pth")
    assert found.preset is None
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), found.reason), found.reason


def test_our_own_files(tmp_path):
    for method in ("tsn", "tsm", "gsm", "gsf", "gst", "gst_large"):
        model = gsf_tf.models.from_preset(f"{method}_resnet14thin", 3, 2, (32, 32, 3))
        save_torch_checkpoint(model, tmp_path / "a.pth.tar")
        assert infer_preset(tmp_path / "a.pth.tar").preset == f"{method}_resnet14thin"
