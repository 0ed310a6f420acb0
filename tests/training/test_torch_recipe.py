"""Five steps of the papers' recipe are those of an independent loop in PyTorch, in float32.

The loop is written here from the papers and their authors' code: normalized clips, cross entropy,
normalized gradients of shifts, one clip of the global norm, coupled decay, momentum, warm-up and
cosine, groups, moving statistics of the normalizations. The twins are the tests' own networks.
"""

import math

import keras
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="The recipe is compared with PyTorch.")

from gsf_tf.models import from_preset  # noqa: E402
from gsf_tf.recipes.shift_modules import TSM_GROUPS  # noqa: E402
from gsf_tf.training import RUBIKSNET_GROUPS, CoupledSGD, WarmupCosine  # noqa: E402
from gsf_tf.training.steps import train_step  # noqa: E402
from gsf_tf.weights import load_torch_checkpoint  # noqa: E402
from gsf_tf.weights.rubiksnet_names import RubiksNetNames  # noqa: E402
from gsf_tf.weights.torch_names import backbone_variables, layer_variables  # noqa: E402
from tests import exhaustive  # noqa: E402
from tests.torch_twins import make_twin, randomize, save_as_authors  # noqa: E402
from tests.torch_twins.rubiksnet import RubiksNetwork, Shift, randomize_rubiksnet  # noqa: E402
from tests.torch_twins.save_as_authors import save_rubiksnet_as_authors  # noqa: E402

CLIPS, SEGMENTS, SIDE, CLASSES = 6, 4, 64, 5
STEPS, WARMUP, PEAK, DECAY = 5, 2, 0.004, 5e-4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def batches():
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        clip = rng.integers(0, 256, (CLIPS, SEGMENTS, SIDE, SIDE, 3), "uint8")
        yield clip, rng.integers(0, CLASSES, CLIPS, "int32")


def rate(step):
    if step < WARMUP:
        return PEAK * (0.1 + 0.9 * step / WARMUP)
    return PEAK * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def without_groups(network):
    return {"all": (list(network.named_parameters()), 1.0, 1.0)}


def groups_of_tsm(network):
    """By kind of module: the linear layer, normalizations, other biases, the rest."""
    normalizations = {
        f"{name}.{part}"
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d)
        for part in ("weight", "bias")
    }
    groups = {
        "linear kernel": ([], 5.0, 1.0),
        "linear bias": ([], 10.0, 0.0),
        "normalizations": ([], 1.0, 0.0),
        "biases": ([], 2.0, 0.0),
        "kernels": ([], 1.0, 1.0),
    }
    for name, parameter in network.named_parameters():
        if name.startswith("new_fc"):
            group = "linear kernel" if name.endswith("weight") else "linear bias"
        elif name in normalizations:
            group = "normalizations"
        else:
            group = "biases" if name.endswith("bias") else "kernels"
        groups[group][0].append((name, parameter))
    return groups


def groups_of_rubiksnet(network):
    groups = {"shifts": ([], 0.01, 0.0), "vectors": ([], 1.0, 0.0), "kernels": ([], 1.0, 1.0)}
    for name, parameter in network.named_parameters():
        if name.endswith("shift"):
            group = "shifts"
        else:
            group = "vectors" if parameter.ndim == 1 else "kernels"
        groups[group][0].append((name, parameter))
    return groups


def torch_loop(network, groups, clip_norm):
    """Trains a twin and returns its losses and how often gradients were clipped."""
    network.train()
    parameters = list(network.parameters())
    buffers = {id(parameter): torch.zeros_like(parameter) for parameter in parameters}
    shifts = [module.shift for module in network.modules() if isinstance(module, Shift)]
    losses, clipped = [], 0
    for step, (clip, label) in enumerate(batches()):
        frames = torch.from_numpy(clip).float().flatten(0, 1) / 255
        frames = ((frames - torch.tensor(MEAN)) / torch.tensor(STD)).permute(0, 3, 1, 2)
        loss = torch.nn.functional.cross_entropy(network(frames), torch.from_numpy(label).long())
        network.zero_grad()
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for shift in shifts:
                shift.grad /= shift.grad.pow(2).sum(0, keepdim=True).sqrt()
            norm = math.sqrt(sum(p.grad.double().pow(2).sum().item() for p in parameters))
            factor = clip_norm / (norm + 1e-6)
            clipped += factor < 1
            for members, rate_factor, decay_factor in groups.values():
                for _, parameter in members:
                    gradient = parameter.grad * min(1.0, factor) + DECAY * decay_factor * parameter
                    buffer = buffers[id(parameter)]
                    buffer.mul_(0.9).add_(gradient)
                    parameter -= rate(step) * rate_factor * buffer
    return losses, clipped


def our_loop(model, groups, clip_norm, shift_normalization):
    optimizer = CoupledSGD(
        WarmupCosine(PEAK, total_steps=STEPS, warmup_steps=WARMUP),
        l2=DECAY,
        clip_norm=clip_norm,
        groups=groups,
        shift_normalization=shift_normalization,
    )
    optimizer.build(model.trainable_variables)
    losses = []
    for clip, label in batches():
        sums = train_step(
            model, optimizer, clip, keras.ops.convert_to_tensor(label),
            global_batch_size=CLIPS, label_smoothing=0.0,
        )  # fmt: skip
        losses.append(float(sums["loss"]) / CLIPS)
    return losses


def gsf_case(tmp_path):
    twin = randomize(make_twin("gsf", "resnet14thin", CLASSES, SEGMENTS, 0.5), seed=0)
    model = from_preset("gsf_resnet14thin", CLASSES, SEGMENTS, (SIDE, SIDE, 3), dropout=0.0)
    save_as_authors(twin, tmp_path / "start.pth.tar", "gsf")
    load_torch_checkpoint(model, tmp_path / "start.pth.tar")
    names = {f"base_model.{n}": v for n, v in backbone_variables(model.backbone).items()}
    return twin, model, names


def rubiksnet_case(tmp_path):
    twin = randomize_rubiksnet(RubiksNetwork("mini", CLASSES, SEGMENTS), seed=0)
    model = from_preset("rubiksnet_mini", CLASSES, SEGMENTS, (SIDE, SIDE, 3), dropout=0.0)
    save_rubiksnet_as_authors(twin, tmp_path / "start.pth.tar")
    load_torch_checkpoint(model, tmp_path / "start.pth.tar")
    names = {f"backbone.{n}": v for n, v in RubiksNetNames().variables(model.backbone).items()}
    return twin, model, names


def assert_same_training(twin, model, names, torch_groups, ours, clip_norm, normalization=None):
    """Compares losses, the weights of each group and moving statistics; returns the clipped."""
    for name, variable in layer_variables(model.get_layer("classifier")).items():
        names[f"new_fc.{name}"] = variable
    start = {name: variable.to_torch() for name, variable in names.items()}
    expected, clipped = torch_loop(twin, torch_groups, clip_norm)
    losses = our_loop(model, ours, clip_norm, normalization)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    theirs = {name: tensor.numpy() for name, tensor in twin.state_dict().items()}
    groups = {group: [n for n, _ in members] for group, (members, *_) in torch_groups.items()}
    groups["moving statistics"] = [name for name in names if "running_" in name]
    assert {name for members in groups.values() for name in members} == set(names)
    for group, members in groups.items():
        error = max(np.abs(names[n].to_torch() - theirs[n]).max() for n in members)
        moved = max(np.abs(theirs[n] - start[n]).max() for n in members)
        # A group at another rate would be off by its whole movement.
        assert error <= min(1e-4, 0.02 * moved), group
    return clipped


def test_gsf(tmp_path):
    """The GSF code's recipe: one group for all."""
    twin, model, names = gsf_case(tmp_path)
    assert_same_training(twin, model, names, without_groups(twin), (), 20.0)


@exhaustive.MARK
def test_gsf_with_the_groups_of_tsm(tmp_path):
    """At this limit some steps are clipped and some are not."""
    twin, model, names = gsf_case(tmp_path)
    groups = groups_of_tsm(twin)
    clipped = assert_same_training(twin, model, names, groups, TSM_GROUPS, 4.6)
    assert 0 < clipped < STEPS


def test_rubiksnet(tmp_path):
    """The directions of 480 shifts alone have a norm of 22, so every step is clipped."""
    twin, model, names = rubiksnet_case(tmp_path)
    groups = groups_of_rubiksnet(twin)
    clipped = assert_same_training(twin, model, names, groups, RUBIKSNET_GROUPS, 20.0, 1.0)
    assert clipped == STEPS
