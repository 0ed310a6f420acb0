"""The causal form of the ops: no frame reads a later one."""

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops

WEIGHTS = ("gamma", "beta", "mean", "variance", "gate_kernel", "gate_bias")
FUSION = ("fusion_kernel", "fusion_bias")


def random_weights(processed, learned_fusion):
    random = np.random.default_rng(1)
    weights = {
        "gamma": random.uniform(0.5, 1.5, processed),
        "beta": random.normal(size=processed),
        "mean": random.normal(size=processed),
        "variance": random.uniform(0.5, 1.5, processed),
        "gate_kernel": random.normal(size=(3, 3, 3, processed // 2, 2)) / 6,
        "gate_bias": random.normal(size=2),
    }
    if learned_fusion:
        weights["fusion_kernel"] = random.normal(size=(2, 3, 3, 2))
        weights["fusion_bias"] = random.normal(size=2)
    return weights


def gate_shift_fuse(x, weights, num_segments, training=False, causal=True):
    return ops.gate_shift_fuse(
        x,
        *(weights[name] for name in WEIGHTS),
        *(weights.get(name) for name in FUSION),
        num_segments=num_segments,
        fusion="learned" if "fusion_kernel" in weights else "sum",
        training=training,
        causal=causal,
    )


@pytest.mark.parametrize("learned_fusion", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("num_segments", [1, 2, 5])
def test_values_and_gradients(ops_path, num_segments, training, learned_fusion):
    """In float64, beside NumPy."""
    references = pytest.importorskip(
        "custom_ops.cuda_check.references", reason="only a checkout has the references"
    )
    random = np.random.default_rng(2)
    x = random.normal(size=(2 * num_segments, 4, 3, 10))
    upstream = random.normal(size=x.shape)
    weights = random_weights(8, learned_fusion)
    expected = references.gate_shift_fuse(
        x, weights, num_segments, 8, 1e-5, training, upstream, causal=True
    )
    variables = {name: tf.Variable(value) for name, value in weights.items()}
    with tf.GradientTape() as tape:
        source = tf.constant(x)
        tape.watch(source)
        y, mean, variance = gate_shift_fuse(source, variables, num_segments, training)
    learned = {name: v for name, v in variables.items() if name not in ("mean", "variance")}
    gradients = tape.gradient(y, {"x": source, **learned}, output_gradients=upstream)
    found = {"y": y, "mean": mean, "variance": variance}
    found |= {f"d_{name}": gradient for name, gradient in gradients.items()}
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("learned_fusion", [True, False])
def test_no_frame_reads_a_later_one(ops_path, learned_fusion, dtype):
    x = np.random.default_rng(3).normal(size=(6, 4, 3, 10)).astype("float32")
    weights = random_weights(8, learned_fusion)
    for changed in range(6):
        other = x.copy()
        other[changed] += 1
        for causal in (True, False):
            first, second = (
                np.array(gate_shift_fuse(tf.cast(clip, dtype), weights, 6, causal=causal)[0])
                for clip in (x, other)
            )
            differs = np.any(first != second, axis=(1, 2, 3))
            assert not causal or not differs[:changed].any()
            # The plain form reads later frames, so the test would see it.
            assert causal or changed == 0 or differs[:changed].any()


@pytest.mark.parametrize("num_segments", [1, 4])
def test_temporal_shift(ops_path, num_segments):
    x = np.random.default_rng(4).normal(size=(8, 2, 7))
    clips = x.reshape(-1, num_segments, 2, 7)
    expected = clips.copy()
    expected[:, 1:, :, 2:4] = clips[:, :-1, :, 2:4]
    expected[:, 0, :, 2:4] = 0
    source = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(source)
        y = ops.temporal_shift(source, num_segments, fold=2, causal=True)
    np.testing.assert_array_equal(y, expected.reshape(x.shape))
    upstream = np.random.default_rng(5).normal(size=x.shape)
    gradient = np.array(tape.gradient(y, source, output_gradients=upstream))
    # The adjoint: <shift(x), upstream> = <x, gradient>.
    np.testing.assert_allclose(np.sum(np.array(y) * upstream), np.sum(x * gradient), rtol=1e-12)
    np.testing.assert_array_equal(gradient[..., :2], upstream[..., :2])
