"""Plain state dictionaries into backbones, by itself, by `weights=` and by a preset."""

import numpy as np
import pytest

import gsf_tf
from gsf_tf.weights import CheckpointError, load_torch_backbone, load_torch_checkpoint

torch = pytest.importorskip("torch", reason="the twins are PyTorch networks")

from tests.torch_twins import make_twin, randomize  # noqa: E402


def plain_state(backbone, head):
    twin = randomize(make_twin("tsn", backbone, 10, 1), seed=3)
    state = dict(twin.base_model.state_dict())
    state.update({f"{head}.{name}": value for name, value in twin.new_fc.state_dict().items()})
    return twin.eval(), state


def test_resnet_with_its_classifier(tmp_path):
    twin, state = plain_state("resnet18", "fc")
    torch.save(state, tmp_path / "resnet18.pth")
    backbone = gsf_tf.backbones.ResNet18(weights=tmp_path / "resnet18.pth", classes=10)
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    with torch.no_grad():
        theirs = twin(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(backbone(x), theirs, atol=1e-4 * np.abs(theirs).max())
    with pytest.raises(CheckpointError, match=r"fc.weight: \[10, 512\] in the file, \[1000, 512\]"):
        gsf_tf.backbones.ResNet18(weights=tmp_path / "resnet18.pth")


def test_bninception_of_caffe_in_a_preset(tmp_path):
    """Vectors as `[1, C]`, as in the converted file; the head is another one and left out."""
    _, state = plain_state("bninception", "last_linear")
    for name, value in state.items():
        if "_bn." in name and value.ndim == 1:
            state[name] = value[None]
    torch.save(state, tmp_path / "bn_inception.pth")
    model = gsf_tf.models.from_preset(
        "gsf_bninception", 3, 2, (64, 64, 3), weights=tmp_path / "bn_inception.pth", start="paper"
    )
    for layer, name, axes in (
        ("inception_4e_3x3_reduce", "weight", (2, 3, 1, 0)),
        ("inception_5b_pool_proj", "weight", (2, 3, 1, 0)),
    ):
        np.testing.assert_array_equal(
            model.backbone.get_layer(layer).kernel, state[f"{layer}.{name}"].numpy().transpose(axes)
        )
    normalization = model.backbone.get_layer("inception_3a_1x1_bn")
    np.testing.assert_array_equal(
        normalization.moving_variance, state["inception_3a_1x1_bn.running_var"][0].numpy()
    )


def test_a_plain_resnet_into_models(tmp_path):
    """TSN and TSM have no weights of their own; GSF has, and the error says what to do."""
    thin = gsf_tf.backbones.ResNet((1, 1, 1, 1), 16, include_top=False)
    state = {}
    for name, variable in gsf_tf.weights.torch_names.backbone_variables(thin).items():
        state[name] = torch.randn(variable.shape)
    state["fc.weight"], state["fc.bias"] = torch.randn(3, 512), torch.randn(3)
    torch.save(state, tmp_path / "thin.pth")
    for method in ("tsn", "tsm"):
        model = gsf_tf.models.from_preset(f"{method}_resnet14thin", 3, 2, (32, 32, 3))
        load_torch_checkpoint(model, tmp_path / "thin.pth")
        np.testing.assert_array_equal(
            model.get_layer("classifier").kernel, state["fc.weight"].numpy().T
        )
    model = gsf_tf.models.from_preset("gsf_resnet14thin", 3, 2, (32, 32, 3))
    with pytest.raises(CheckpointError, match=r"from_preset\(..., weights=path\)"):
        load_torch_checkpoint(model, tmp_path / "thin.pth")


def test_a_video_checkpoint_is_no_plain_backbone(tmp_path):
    model = gsf_tf.models.from_preset("gsf_resnet14thin", 3, 2, (32, 32, 3))
    gsf_tf.weights.save_torch_checkpoint(model, tmp_path / "a.pth.tar")
    thin = gsf_tf.backbones.ResNet((1, 1, 1, 1), 16, include_top=False)
    with pytest.raises(CheckpointError, match="without use:\n  layer1.0.gsf.conv3D.weight"):
        load_torch_backbone(thin, tmp_path / "a.pth.tar")
