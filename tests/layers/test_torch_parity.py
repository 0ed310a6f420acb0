"""Outputs and all gradients of the temporal layers against PyTorch twins, in float32."""

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import GateShift, GateShiftFuse, TemporalShift

torch = pytest.importorskip("torch", reason="the parity tests need PyTorch")

from tests.torch_twins import temporal  # noqa: E402

CHANNELS, SIZE, CLIPS = 16, (6, 5), 2


def make_pair(kind, num_segments, ratio):
    """Returns our layer and its twin with the same random weights, and which is which.

    The third value pairs each of our trainable variables with the twin's parameter and with
    the axes that turn the twin's layout into ours.
    """
    rng = np.random.default_rng(0)
    if kind == "tsm":
        return TemporalShift(num_segments), temporal.TemporalShift(num_segments), []
    ours_class, twin_class = {
        "gsf": (GateShiftFuse, temporal.GSF),
        "gsm": (GateShift, temporal.GSM),
    }[kind]
    ours, twin = ours_class(num_segments, ratio), twin_class(CHANNELS, num_segments, ratio)
    ours.build((None, *SIZE, CHANNELS))
    pairs = [
        (ours.gate_kernel, twin.conv3D.weight, (2, 3, 4, 1, 0)),
        (ours.gate_bias, twin.conv3D.bias, (0,)),
        (ours.normalization.gamma, twin.bn.weight, (0,)),
        (ours.normalization.beta, twin.bn.bias, (0,)),
    ]
    if kind == "gsf":
        for half, conv in enumerate([twin.channel_conv1, twin.channel_conv2]):
            pairs.append((ours.fusion_kernels[half], conv.weight, (2, 3, 1, 0)))
            pairs.append((ours.fusion_biases[half], conv.bias, (0,)))
    assert len(pairs) == len(ours.trainable_variables)
    for variable, parameter, axes in pairs:
        values = rng.normal(0, 0.3, parameter.shape) + (1 if variable.name == "gamma" else 0)
        parameter.data = torch.tensor(values, dtype=torch.float32)
        variable.assign(values.transpose(axes))
    processed = twin.processed
    mean, variance = rng.normal(size=processed), rng.uniform(0.5, 1.5, processed)
    twin.bn.running_mean = torch.tensor(mean, dtype=torch.float32)
    twin.bn.running_var = torch.tensor(variance, dtype=torch.float32)
    ours.normalization.moving_mean.assign(mean)
    ours.normalization.moving_variance.assign(variance)
    return ours, twin, pairs


def assert_close(ours, theirs):
    theirs = theirs.detach().numpy()
    assert np.abs(np.asarray(ours) - theirs).max() <= 1e-4 * max(np.abs(theirs).max(), 1e-3)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("num_segments", [1, 8])
@pytest.mark.parametrize(("kind", "ratio"), [("gsf", 0.25), ("gsf", 1), ("gsm", 0.5), ("tsm", 1)])
def test_outputs_and_gradients(ops_path, kind, ratio, num_segments, training):
    ours, twin, pairs = make_pair(kind, num_segments, ratio)
    twin.train(training)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(CLIPS * num_segments, *SIZE, CHANNELS)).astype("float32")
    probe = rng.normal(size=x.shape).astype("float32")

    watched = tf.Variable(x)
    with tf.GradientTape() as tape:
        output = ours(watched, training=training)
        loss = tf.reduce_sum(output * probe)
    gradients = tape.gradient(loss, [watched, *(variable.value for variable, *_ in pairs)])

    twin_x = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    twin_output = twin(twin_x).permute(0, 2, 3, 1)
    (twin_output * torch.tensor(probe)).sum().backward()

    assert_close(output, twin_output)
    assert_close(gradients[0], twin_x.grad.permute(0, 2, 3, 1))
    for gradient, (_, parameter, axes) in zip(gradients[1:], pairs, strict=True):
        assert_close(gradient, parameter.grad.permute(axes))
    if kind != "tsm":
        assert_close(ours.normalization.moving_mean, twin.bn.running_mean)
        assert_close(ours.normalization.moving_variance, twin.bn.running_var)
