"""Compares a backbone with its PyTorch twin, with the twin's random weights copied into it."""

import keras
import numpy as np
import torch

from tests.torch_twins import make_twin, randomize

TOLERANCE = 1e-4
FRAMES = 2


def run_twin_test(build, twin_name, image_sizes):
    """Checks feature maps and logits, and what training mode computes and keeps.

    Training mode is compared in float64: few numbers are normalized on such small maps, which
    magnifies the rounding of the layers before.

    Args:
        build: One of `gsf_tf.backbones`.
        twin_name: The twin's name in `make_twin`.
        image_sizes: Pairs of height and width; different ones show swapped axes.
    """
    twin = randomize(make_twin("tsn", twin_name, 5, FRAMES), seed=0).eval()
    network = build(classes=5)
    copy_weights(network, twin)
    for size in image_sizes:
        frames = _frames(twin, size)
        assert_close(_feature_model(network)(_as_numpy(frames)), _features(twin, frames))
        logits = network(_as_numpy(frames))
        with torch.no_grad():
            assert_close(np.mean(logits, axis=0, keepdims=True), twin(frames))

    network = _in_float64(network, build)
    twin.double().train()
    frames = _frames(twin, image_sizes[0]).double()
    features = _feature_model(network)(_as_numpy(frames), training=True)
    assert_close(features, _features(twin, frames))
    for name, module in twin.base_model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            name = name.replace(".", "_")
            layer = network.get_layer(name)
            assert_close(layer.moving_mean, module.running_mean)
            assert_close(layer.moving_variance, module.running_var)


def copy_weights(backbone, twin):
    """Copies a twin's weights into a backbone with a classifier."""
    modules = {
        name.replace(".", "_"): module for name, module in twin.base_model.named_modules()
    } | {"fc": twin.new_fc}
    for layer in backbone.layers:
        if not layer.weights:
            continue
        values = {key: tensor.numpy() for key, tensor in modules[layer.name].state_dict().items()}
        if isinstance(layer, keras.layers.BatchNormalization):
            names = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([values[name] for name in names])
            continue
        axes = (1, 0) if isinstance(layer, keras.layers.Dense) else (2, 3, 1, 0)
        bias = [values["bias"]] if layer.use_bias else []
        layer.set_weights([values["weight"].transpose(axes), *bias])


def assert_close(ours, theirs):
    """Asserts a difference of at most 1e-4 of the largest value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * np.abs(theirs).max())


def _frames(twin, size):
    frames = torch.randn((FRAMES, 3, *size), generator=torch.Generator().manual_seed(1))
    return frames * getattr(twin.base_model, "input_scale", 1)


def _as_numpy(frames):
    return frames.permute(0, 2, 3, 1).numpy()


def _feature_model(network):
    return keras.Model(network.input, network.get_layer("avgpool").input)


def _features(twin, frames):
    with torch.no_grad():
        return twin.base_model(frames).permute(0, 2, 3, 1)


def _in_float64(network, build):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        double = build(classes=5)
    finally:
        keras.config.set_dtype_policy(policy)
    double.set_weights(network.get_weights())
    return double
