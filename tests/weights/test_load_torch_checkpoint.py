"""Checkpoints of PyTorch twins, saved as the authors save, and our models with their weights."""

import re

import numpy as np
import pytest

import gsf_tf
from gsf_tf.weights import (
    CheckpointError,
    infer_preset,
    load_torch_checkpoint,
    save_torch_checkpoint,
)
from gsf_tf.weights.torch_names import with_our_module_names

torch = pytest.importorskip("torch", reason="the twins are PyTorch networks")

from tests import exhaustive  # noqa: E402
from tests.torch_twins import make_twin, randomize, save_as_authors  # noqa: E402
from tests.torch_twins.motion_squeeze import FlowRefinement, make_reduction  # noqa: E402

SIZES = {
    "bninception": (100, 64),  # 100 leaves an odd map before the first two poolings.
    "inceptionv3": (133, 101),
    "resnet50": (48, 32),
    "resnet101": (48, 32),
    "resnet18": (48, 32),
    "resnet34": (48, 32),
    "resnet14thin": (48, 32),
    "resnet50_ms": (136, 48),  # layer2's map has 17 and 6 positions, the window 15.
}
SHARES = {
    "bninception": (1.0, 0.5),
    "inceptionv3": (0.5, 1.0),
    "resnet50": (0.25, 0.5),
    "resnet101": (0.25, 0.5),
    "resnet14thin": (0.25, 0.5),
}
CASES = [
    (method, backbone, share)
    for method in ("gsf", "gsm", "tsm", "tsn")
    for backbone in SHARES
    for share in (SHARES[backbone] if method in ("gsf", "gsm") else (None,))
] + [
    *(
        (method, backbone, None)
        for method in ("tsm", "tsn")
        for backbone in ("resnet18", "resnet34")
    ),
    *(
        (f"gst{size}", f"resnet{kind}", None)
        for size in ("", "_large")
        for kind in ("50", "14thin")
    ),
]


def random_clips(model, size):
    """Returns clips, and the frames as the twin wants them: normalized and channels first."""
    shape = (model.num_segments, size, size, 3)
    normalization = {k: np.array(v) for k, v in model.normalization.items()}
    mean, std = (normalization[key].astype("float32") for key in ("mean", "std"))
    clip = np.random.default_rng(0).normal(mean, std, shape).astype("float32")
    frames = torch.from_numpy((clip - mean) / std).permute(0, 3, 1, 2)
    if model.normalization["channel_order"] == "bgr":
        clip = clip[..., ::-1]
    return clip[None], frames


def set_num_segments(twin, num_segments):
    """No weight depends on the number of frames, so one twin serves several."""
    for part in twin.modules():
        if hasattr(part, "num_segments"):
            part.num_segments = num_segments


def logits_of(twin, frames):
    with torch.no_grad():
        return twin(frames).numpy()


def every_time(case):
    """GSF on two kinds of network, GSM on one, and the other methods on smaller ones."""
    method, backbone, share = case
    if backbone == "resnet50_ms":
        return method == "tsm"
    if method.startswith("gst") or backbone in ("resnet18", "resnet34"):
        return backbone == "resnet14thin" or (method, backbone) == ("tsm", "resnet18")
    return share in (None, SHARES[backbone][0]) and (
        (method, backbone) == ("gsf", "bninception") or (share and backbone == "resnet14thin")
    )


@pytest.mark.parametrize(("method", "backbone", "share"), exhaustive.cases(CASES, every_time))
def test_logits_are_the_twins(tmp_path, method, backbone, share):
    """Also the way back: `save_torch_checkpoint`, `torch.load`, `load_state_dict`."""
    path = tmp_path / "theirs.pth.tar"
    twin = randomize(make_twin(method, backbone, 5, 8, share), seed=1).eval()
    # Half of the cases in the format of torch before 1.6.
    zip_format = share in SHARES.get(backbone, ())[:1] or method in ("tsn", "gst")
    save_as_authors(twin, path, method, zip_format=zip_format)
    for num_segments in (8, 16):
        model = gsf_tf.models.from_preset(
            f"{method}_{backbone}", 5, num_segments, (None, None, 3), channel_ratio=share
        )
        load_torch_checkpoint(model, path)
        set_num_segments(twin, num_segments)
        # With twice the frames the smaller size is enough.
        for size in SIZES[backbone] if num_segments == 8 else SIZES[backbone][-1:]:
            clip, frames = random_clips(model, size)
            theirs = logits_of(twin, frames)
            error = np.abs(model(clip) - theirs).max()
            assert error <= 1e-4 * np.abs(theirs).max(), (num_segments, size)

    save_torch_checkpoint(model, tmp_path / "ours.pth.tar")
    saved = torch.load(tmp_path / "ours.pth.tar", weights_only=True)
    container = "model_state_dict" if method in ("gsf", "tsn") else "state_dict"
    state = {name.removeprefix("module."): value for name, value in saved[container].items()}
    randomize(twin, seed=2)
    twin.load_state_dict(state)
    np.testing.assert_array_equal(logits_of(twin, frames), theirs)
    for file in tmp_path.iterdir():  # All together have 5 GB, and pytest keeps them.
        file.unlink()


@pytest.fixture(scope="module")
def small():
    return gsf_tf.models.from_preset("gsf_resnet14thin", 3, 2, (32, 32, 3))


def state_of(model, tmp_path):
    save_torch_checkpoint(model, tmp_path / "state.pth.tar")
    return torch.load(tmp_path / "state.pth.tar", weights_only=True)["model_state_dict"]


def with_prefix(state, prefix):
    names = {name: name.removeprefix("module.") for name in state}
    if prefix == "":
        names = {name: new.removeprefix("base_model.") for name, new in names.items()}
    return {names[name] if prefix != "module." else name: state[name] for name in state}


def all_weights(model):
    return [np.array(weight) for weight in model.weights]


@pytest.mark.parametrize("prefix", ["", "base_model.", "module."])
def test_prefixes_and_containers(tmp_path, small, prefix):
    state = with_prefix(state_of(small, tmp_path), prefix)
    before = all_weights(small)
    for content in ({"model_state_dict": state}, {"state_dict": state, "epoch": 3}, state):
        torch.save(content, tmp_path / "a.pth")
        for weight in small.weights:
            weight.assign(np.zeros(weight.shape))
        load_torch_checkpoint(small, tmp_path / "a.pth")
        for old, new in zip(before, all_weights(small), strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(tmp_path, small, dtype):
    state = {name: value.to(dtype) for name, value in state_of(small, tmp_path).items()}
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    load_torch_checkpoint(small, tmp_path / "a.pth")
    expected = state["module.base_model.conv1.weight"].float().permute(2, 3, 1, 0).numpy()
    np.testing.assert_array_equal(small.backbone.get_layer("conv1").kernel, expected)


def test_all_that_is_wrong_is_listed_and_nothing_is_loaded(tmp_path, small):
    state = state_of(small, tmp_path)
    for name in state:
        state[name] = state[name] + 1
    del state["module.base_model.layer1.0.gsf.conv3D.bias"]
    del state["module.base_model.bn1.running_mean"]
    state["module.base_model.conv1.weight"] = torch.zeros(16, 3, 5, 5)
    state["module.base_model.extra.weight"] = torch.zeros(1)
    torch.save({"model_state_dict": state}, tmp_path / "a.pth.tar")
    before = all_weights(small)
    with pytest.raises(CheckpointError) as error:
        load_torch_checkpoint(small, tmp_path / "a.pth.tar")
    for text in (
        "2 missing in the file:\n  bn1.running_mean\n  layer1.0.gsf.conv3D.bias",
        "1 with another shape:\n  conv1.weight: [16, 3, 5, 5] in the file, [16, 3, 7, 7] in the",
        "1 in the file, without use:\n  extra.weight",
        "nothing was loaded",
    ):
        assert text in str(error.value)
    for old, new in zip(before, all_weights(small), strict=True):
        np.testing.assert_array_equal(old, new)


def test_another_number_of_classes(tmp_path, small):
    state_of(small, tmp_path)
    model = gsf_tf.models.from_preset("gsf_resnet14thin", 7, 2, (32, 32, 3))
    head = np.array(model.get_layer("classifier").kernel)
    with pytest.raises(CheckpointError, match=re.escape("[3, 512] in the file, [7, 512]")) as error:
        load_torch_checkpoint(model, tmp_path / "state.pth.tar")
    assert "skip_head=True" in str(error.value)
    load_torch_checkpoint(model, tmp_path / "state.pth.tar", skip_head=True)
    np.testing.assert_array_equal(head, model.get_layer("classifier").kernel)
    for old, new in zip(small.backbone.weights, model.backbone.weights, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("theirs", ["tsm", "tsn", "gsm"])
def test_a_checkpoint_of_another_method(tmp_path, small, theirs):
    other = gsf_tf.models.from_preset(f"{theirs}_resnet14thin", 3, 2, (32, 32, 3))
    save_torch_checkpoint(other, tmp_path / "a.pth.tar")
    with pytest.raises(CheckpointError, match=r"missing in the file:\n[^:]*layer1.0.gsf.conv3D"):
        load_torch_checkpoint(small, tmp_path / "a.pth.tar")
    if theirs == "tsn":
        shifted = gsf_tf.models.from_preset("tsm_resnet14thin", 3, 2, (32, 32, 3))
        with pytest.raises(CheckpointError, match=r"layer1.0.conv1.net.weight"):
            load_torch_checkpoint(shifted, tmp_path / "a.pth.tar")


@pytest.mark.parametrize("method", ["gsm", "gsf"])
@pytest.mark.parametrize(
    ("module", "gate", "normalization"),
    [("gsm3", "conv3D", "bn"), ("temporal.gate", "conv3d", "norm"), (None, "conv3d", "bn3d")],
)
def test_a_module_is_known_whatever_it_is_called(tmp_path, method, module, gate, normalization):
    model = gsf_tf.models.from_preset(f"{method}_resnet14thin", 3, 2, (32, 32, 3))
    save_torch_checkpoint(model, tmp_path / "a.pth.tar")
    saved = torch.load(tmp_path / "a.pth.tar", weights_only=True)
    container = "model_state_dict" if method == "gsf" else "state_dict"
    theirs = {}
    for name, value in saved[container].items():
        name = name.replace(f".{method}.conv3D.", f".{method}.{gate}.")
        name = name.replace(f".{method}.bn.", f".{method}.{normalization}.")
        theirs[name.replace(f".{method}.", f".{module or method}.")] = value
    assert list(with_our_module_names(in_network(theirs), "")) == list(in_network(saved[container]))
    torch.save({container: theirs}, tmp_path / "b.pth.tar")
    found = infer_preset(tmp_path / "b.pth.tar")
    assert (found.preset, found.channel_ratio) == (f"{method}_resnet14thin", 0.5)

    again = gsf_tf.models.from_preset(f"{method}_resnet14thin", 3, 2, (32, 32, 3))
    load_torch_checkpoint(again, tmp_path / "b.pth.tar")
    for old, new in zip(all_weights(model), all_weights(again), strict=True):
        np.testing.assert_array_equal(old, new)


def in_network(state):
    return {name.removeprefix("module.base_model."): value for name, value in state.items()}


@pytest.mark.parametrize(
    "extra",
    [
        {"layer1.0.b.conv3D.weight": (2, 4, 3, 3, 3), "layer1.0.b.bn.running_mean": (8,)},
        {"layer1.0.a.second.weight": (2, 4, 3, 3, 3)},
        {"layer1.0.a.second.running_mean": (8,)},
        {"layer1.0.gsm.conv3D.weight": (2, 4, 3, 3, 3)},
    ],
)
def test_modules_that_are_not_clear_are_listed(extra):
    shapes = {"layer1.0.a.conv3D.weight": (2, 4, 3, 3, 3), "layer1.0.a.bn.running_mean": (8,)}
    tensors = {name: torch.zeros(shape) for name, shape in (shapes | extra).items()}
    with pytest.raises(CheckpointError, match="Received: in layer1.0\n") as error:
        with_our_module_names(tensors, "a.pth.tar")
    assert all(name in str(error.value) for name in tensors)


@pytest.mark.parametrize("placement", ["conv1", "all"])
def test_places_that_the_authors_do_not_have_keep_their_own_names(tmp_path, small, placement):
    options = {"input_shape": (32, 32, 3), "channel_ratio": 1.0, "placement": placement}
    model, again = (
        gsf_tf.models.from_preset("gsf_resnet14thin", 3, 2, **options) for _ in range(2)
    )
    save_torch_checkpoint(model, tmp_path / "a.pth.tar")
    load_torch_checkpoint(again, tmp_path / "a.pth.tar")
    for old, new in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(CheckpointError, match="layer1.0.gsf_conv1"):
        load_torch_checkpoint(small, tmp_path / "a.pth.tar")


def test_models_without_counterpart(tmp_path, small):
    model = gsf_tf.models.from_preset("tsn_mobilenetv2", 3, 2, (32, 32, 3))
    with pytest.raises(CheckpointError, match="Depthwise"):
        save_torch_checkpoint(model, tmp_path / "a.pth.tar")
    assert not (tmp_path / "a.pth.tar").exists()
    with pytest.raises(ValueError, match="SegmentModel"):
        load_torch_checkpoint(small.backbone, tmp_path / "a.pth.tar")


@pytest.mark.parametrize("method", ["tsm", "gsf"])
def test_motion_squeeze_is_known_by_its_shapes(tmp_path, method):
    """Whatever its parts are called; the normalization that nothing reads is not needed."""
    preset = f"{method}_resnet14thin_ms"
    model, again = (gsf_tf.models.from_preset(preset, 3, 2, (32, 32, 3)) for _ in range(2))
    save_torch_checkpoint(model, tmp_path / "a.pth.tar")
    saved = torch.load(tmp_path / "a.pth.tar", weights_only=True)
    container = "model_state_dict" if method == "gsf" else "state_dict"
    assert saved[container]["module.base_model.bn2.weight"].tolist() == [1.0] * 128
    theirs = {}
    for name, value in saved[container].items():
        name = name.replace("flow_refinement.conv", "flow_refine_conv")
        if ".bn2." not in name or ".layer" in name:
            theirs[name.replace("chnl_reduction", "flow_reduce")] = value
    torch.save({container: theirs}, tmp_path / "b.pth.tar")
    found = infer_preset(tmp_path / "b.pth.tar")
    assert (found.preset, found.num_classes) == (preset, 3)
    load_torch_checkpoint(again, tmp_path / "b.pth.tar")
    for old, new in zip(all_weights(model), all_weights(again), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("extra.weight", (32, 16, 1, 1)), ("flow_refinement.conv2.1.running_mean", (8,))],
)
def test_a_motion_squeeze_that_is_not_clear_is_listed(tmp_path, name, shape):
    twin = make_twin("tsm", "resnet14thin_ms", 3, 2)
    state = twin.base_model.state_dict() | {name: torch.zeros(shape)}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="MotionSqueeze must have one convolution") as error:
        infer_preset(tmp_path / "a.pth")
    assert name.split(".run")[0] in str(error.value)


def test_motion_squeeze_on_another_base_is_named(tmp_path):
    """The authors' program has ResNet-18 by default, of which there is no preset."""
    twin = make_twin("tsm", "resnet18", 3, 2)
    twin.base_model.flow_refinement = FlowRefinement(128)
    twin.base_model.chnl_reduction = make_reduction(128)
    save_as_authors(twin, tmp_path / "a.pth.tar", "tsm")
    found = infer_preset(tmp_path / "a.pth.tar")
    assert found.preset is None
    assert "MotionSqueeze in tsm on resnet18" in found.reason
