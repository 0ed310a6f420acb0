"""The twins themselves: parameters as published, names and files as the authors'."""

import pytest

torch = pytest.importorskip("torch", reason="The twins are PyTorch networks, and torch is missing.")

from tests.torch_twins import make_twin, randomize, save_as_authors  # noqa: E402


@pytest.mark.parametrize(
    ("method", "backbone", "ratio", "millions"),
    [
        ("tsn", "bninception", None, 10.4486),
        ("gsm", "bninception", None, 10.4997),
        ("gsf", "bninception", None, 10.5000),
        ("gsf", "bninception", 0.125, 10.4554),
        ("gsm", "inceptionv3", None, 22.2076),
        ("gsf", "inceptionv3", None, 22.2229),
        ("tsn", "resnet50", None, 23.8646),
        ("tsm", "resnet50", None, 23.8646),
        ("gsf", "resnet50", None, 23.9747),
        ("gsf", "resnet50", 1.0, 24.3032),
        ("gsf", "resnet101", None, 43.0937),
    ],
)
def test_parameters(method, backbone, ratio, millions):
    twin = make_twin(method, backbone, 174, 8, ratio)
    assert round(sum(p.numel() for p in twin.parameters()) / 1e6, 4) == millions


@pytest.mark.parametrize(
    ("method", "backbone", "keys"),
    [
        (
            "gsf",
            "resnet50",
            [
                "base_model.conv1.weight",
                "base_model.layer1.0.conv3.weight",
                "base_model.layer1.0.gsf.conv3D.bias",
                "base_model.layer1.0.gsf.bn.running_var",
                "base_model.layer1.0.gsf.channel_conv2.weight",
                "base_model.layer1.0.downsample.1.weight",
            ],
        ),
        (
            "gsf",
            "bninception",
            [
                "base_model.conv1_7x7_s2.weight",
                "base_model.conv1_7x7_s2_bn.weight",
                "base_model.inception_3a_1x1_bn.running_mean",
                "base_model.gsf_inception_3a_1x1.conv3D.weight",
                "base_model.gsf_inception_4e_3x3_reduce.channel_conv1.bias",
            ],
        ),
        (
            "gsm",
            "inceptionv3",
            [
                "base_model.mixed_conv_Conv2D.bias",
                "base_model.mixed_9_tower_mixed_conv_1_batchnorm.weight",
                "base_model.gsm_mixed_3_tower_conv_Conv2D.conv3D.weight",
            ],
        ),
        ("tsm", "resnet50", ["base_model.layer1.0.conv1.net.weight", "new_fc.bias"]),
    ],
)
def test_names_of_the_checkpoints(method, backbone, keys):
    assert set(keys) <= set(make_twin(method, backbone, 5, 2).state_dict())


def test_every_second_block_of_resnet101_is_shifted():
    keys = make_twin("tsm", "resnet101", 5, 2).state_dict()
    shifted = [key for key in keys if key.endswith("conv1.net.weight")]
    assert len(shifted) == 2 + 2 + 12 + 2
    assert "base_model.layer3.1.conv1.weight" in keys


@pytest.mark.parametrize("zip_format", [True, False])
@pytest.mark.parametrize("method", ["tsn", "tsm", "gsm", "gsf"])
def test_files(tmp_path, method, zip_format):
    twin = randomize(make_twin(method, "resnet50", 5, 2), seed=0)
    path = tmp_path / "model_best.pth.tar"
    save_as_authors(twin, path, method, zip_format=zip_format)
    saved = torch.load(path, weights_only=True)
    weights = saved["model_state_dict" if method == "gsf" else "state_dict"]
    assert saved["epoch"] == 60
    assert set(weights) == {f"module.{key}" for key in twin.state_dict()}
    assert torch.equal(weights["module.new_fc.weight"], twin.new_fc.weight)


@pytest.mark.parametrize(
    ("method", "backbone", "size"),
    [("gsf", "resnet50", 32), ("gsm", "bninception", 32), ("tsm", "inceptionv3", 75)],
)
def test_time_matters_and_clips_do_not_mix(method, backbone, size):
    twin = randomize(make_twin(method, backbone, 5, 4), seed=0).eval()
    frames = torch.randn(8, 3, size, size, generator=torch.Generator().manual_seed(0))
    frames *= getattr(twin.base_model, "input_scale", 1)
    with torch.no_grad():
        logits = twin(frames)
        backwards = twin(frames.unflatten(0, (2, 4)).flip(1).flatten(0, 1))
        alone = twin(frames[4:])
    assert logits.shape == (2, 5)
    assert not torch.allclose(logits, backwards, rtol=1e-3)
    torch.testing.assert_close(logits[1:], alone, rtol=1e-4, atol=1e-4)
