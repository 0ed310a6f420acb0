import keras
import numpy as np
import pytest
import tensorflow as tf

from custom_ops.cuda_check import references
from gsf_tf import layers, ops
from tests.ops.numpy_rubiks_shift import numpy_rubiks_shift


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("reverse", [False, True])
def test_temporal_shift_is_the_op_and_its_adjoint(reverse):
    x = tf.constant(random(6, 2, 3, 7))
    with tf.GradientTape() as tape, ops.use_implementation("reference"):
        tape.watch(x)
        y = ops.temporal_shift(x, 3, 2)
    expected = tape.gradient(y, x, output_gradients=x) if reverse else y
    shifted = references.temporal_shift(x.numpy(), 3, 2, reverse)
    np.testing.assert_array_equal(shifted, expected)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize(
    "rows, strides", [(3, (1, 1, 1)), (3, (2, 1, 3)), (2, (1, 2, 2)), (3, (1, 9, 1))]
)
def test_rubiks_shift_is_the_sum_of_its_terms(rows, strides, quantized):
    x = random(8, 5, 6, 6)
    shift = np.random.default_rng(1).uniform(-2.5, 2.5, (rows, 6))
    shift[:, 1:4] = [[1, 0.5, -0.5]] * rows
    lengths = (4, 5, 6)
    frames, *sizes = (-(-n // s) for n, s in zip(lengths, strides, strict=True))
    upstream = random(2 * frames, *sizes, 6, seed=2)
    mode = "quantized" if quantized else "interpolated"
    expected = numpy_rubiks_shift(x, shift, 4, strides, upstream, mode)
    results = references.rubiks_shift(x, shift, 4, strides, quantized, upstream)
    for ours, theirs in zip(results, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_motion_flow_is_the_reference_path_and_its_gradient():
    x, upstream = tf.constant(random(6, 4, 5, 7)), tf.constant(random(6, 4, 5, 3, seed=1))
    with tf.GradientTape() as tape, ops.use_implementation("reference"):
        tape.watch(x)
        y = ops.motion_flow(x, 3, 5, 2.0, 20.0)
    gradient = tape.gradient(y, x, output_gradients=upstream)
    result = references.motion_flow(x.numpy(), 3, 5, 2.0, 20.0, upstream.numpy())
    np.testing.assert_allclose(result["y"], y, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(result["d_x"], gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fusion", ["learned", "sum"])
def test_gate_shift_fuse_is_the_layer_and_its_gradient(fusion, training):
    """Its values are the Keras layer's, its gradients those that TensorFlow derives."""
    x, upstream = tf.constant(1 + random(6, 4, 5, 12)), tf.constant(random(6, 4, 5, 12, seed=1))
    layer = layers.GateShiftFuse(3, channel_ratio=2 / 3, fusion=fusion, dtype="float64")
    layer.build(x.shape)
    for i, variable in enumerate(layer.weights):
        variable.assign(random(*variable.shape, seed=i + 2) / 3 + ("moving" in variable.name))
    normalization = layer.normalization
    normalization.moving_variance.assign(1 + random(8, seed=9) ** 2)
    variables = {
        "gamma": normalization.gamma,
        "beta": normalization.beta,
        "gate_kernel": layer.gate_kernel,
        "gate_bias": layer.gate_bias,
    }
    weights = {name: variable.numpy() for name, variable in variables.items()}
    weights["mean"] = normalization.moving_mean.numpy()
    weights["variance"] = normalization.moving_variance.numpy()
    if fusion == "learned":
        kernels = layer.fusion_kernels
        # The layer's kernels are [channel, time, part, 1], one per half.
        weights["fusion_kernel"] = np.stack([kernel.numpy()[..., 0] for kernel in kernels])
        weights["fusion_bias"] = np.concatenate([b.numpy() for b in layer.fusion_biases])
    with tf.GradientTape() as tape, ops.use_implementation("reference"):
        tape.watch(x)
        y = layer(x, training=training)
    sources = {name: variable.value for name, variable in variables.items()}
    if fusion == "learned":
        sources["fusion_kernel"] = [kernel.value for kernel in layer.fusion_kernels]
        sources["fusion_bias"] = [bias.value for bias in layer.fusion_biases]
    gradients = tape.gradient(y, {"x": x, **sources}, output_gradients=upstream)
    if fusion == "learned":
        gradients["fusion_kernel"] = np.stack([g[..., 0] for g in gradients["fusion_kernel"]])
        gradients["fusion_bias"] = np.concatenate(gradients["fusion_bias"])
    result = references.gate_shift_fuse(
        x.numpy(), weights, 3, 8, layer.epsilon, training, upstream.numpy()
    )
    np.testing.assert_allclose(result["y"], y, rtol=1e-10, atol=1e-10)
    for name, gradient in gradients.items():
        gradient = keras.ops.convert_to_numpy(gradient)
        np.testing.assert_allclose(
            result[f"d_{name}"], gradient, rtol=1e-9, atol=1e-9, err_msg=name
        )


def test_what_the_forward_pass_saves():
    x = random(6, 4, 5, 12)
    half = np.s_[..., :4], np.s_[..., 4:8]
    weights = {
        "gamma": np.ones(8),
        "beta": np.zeros(8),
        "mean": np.zeros(8),
        "variance": np.ones(8),
        "gate_kernel": np.zeros((3, 3, 3, 4, 2)),
        "gate_bias": np.array([0.5, -0.25]),
        "fusion_kernel": np.zeros((2, 3, 3, 2)),
        "fusion_bias": np.array([1.0, -2.0]),
    }
    result = references.gate_shift_fuse(x, weights, 3, 8, 0.0, True, x)
    np.testing.assert_allclose(result["mean"], x[..., :8].mean((0, 1, 2)))
    np.testing.assert_allclose(result["variance"], x[..., :8].var((0, 1, 2)))
    for i in range(2):
        gate = np.tanh(weights["gate_bias"][i])
        np.testing.assert_allclose(result["gate"][..., i], np.full((6, 4, 5), gate))
        of_x = x[half[i]].mean((1, 2))
        np.testing.assert_allclose(result["means"][:, 1][half[i]], (1 - gate) * of_x)
        moved = [1, 2, None, 4, 5, None] if i == 0 else [None, 0, 1, None, 3, 4]
        for frame, source in enumerate(moved):
            expected = np.zeros(4) if source is None else gate * of_x[source]
            np.testing.assert_allclose(result["means"][frame, 0][half[i]], expected)
        weight = 1 / (1 + np.exp(-weights["fusion_bias"][i]))
        np.testing.assert_allclose(result["fusion"][half[i]], np.full((6, 4), weight))
