import numpy as np
import pytest

from gsf_tf import backbones

torch = pytest.importorskip("torch", reason="The files are PyTorch's, and torch is missing.")

from tests.torch_twins import make_twin, randomize  # noqa: E402


@pytest.mark.parametrize(("build", "size"), [(backbones.ResNet18, 64), (backbones.BNInception, 64)])
def test_path_of_a_pth_file(tmp_path, build, size):
    twin = randomize(make_twin("tsn", build.__name__.lower(), 5, 2), seed=0).eval()
    state = twin.base_model.state_dict()
    state.update({f"fc.{key}": tensor for key, tensor in twin.new_fc.state_dict().items()})
    torch.save(state, tmp_path / "backbone.pth")
    frames = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    frames *= getattr(twin.base_model, "input_scale", 1)
    with torch.no_grad():
        features = twin.base_model(frames).mean((2, 3)).numpy()
        logits = twin.new_fc(torch.from_numpy(features)).numpy()
    images = frames.permute(0, 2, 3, 1).numpy()

    whole = build(weights=tmp_path / "backbone.pth", classes=5)
    np.testing.assert_allclose(whole(images), logits, rtol=0, atol=1e-4 * np.abs(logits).max())
    headless = build(include_top=False, weights=tmp_path / "backbone.pth", pooling="avg")
    np.testing.assert_allclose(
        headless(images), features, rtol=0, atol=1e-4 * np.abs(features).max()
    )
