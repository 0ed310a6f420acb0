"""A small model with a shift variable, which has the attributes that the optimizer looks for."""

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gsf_tf_tests")
class ToyShift(keras.layers.Layer):
    """Row after row, x becomes x + sin((row + 1) shift[row] x); `shift` is `[rows, C]`."""

    def __init__(self, rows=3, aspect=0.5, learned=True, **kwargs):
        super().__init__(**kwargs)
        self.rows = rows
        self.aspect = aspect
        self.learned = learned

    def build(self, input_shape):
        self.shift = self.add_weight(
            shape=(self.rows, input_shape[-1]),
            initializer=keras.initializers.RandomUniform(-1, 1, seed=3),
            trainable=self.learned,
            dtype="float64" if self.compute_dtype == "float64" else "float32",
            autocast=False,
            name="shift",
        )
        self.shift.shift_aspect = self.aspect

    def call(self, x):
        for row in range(self.rows):
            x = x + keras.ops.sin((row + 1) * keras.ops.cast(self.shift[row], x.dtype) * x)
        return x

    def get_config(self):
        config = super().get_config()
        config.update(rows=self.rows, aspect=self.aspect, learned=self.learned)
        return config


def toy_model(dtype="float32", **kwargs):
    """Returns a model from `[N, 5]` to 3 logits, the same weights at every call.

    The logits have at least float32, as those of the presets.
    """
    head_dtype = "float64" if dtype == "float64" else "float32"
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((5,), dtype="float32"),
            keras.layers.Dense(4, dtype=dtype, name="first"),
            keras.layers.LayerNormalization(dtype=dtype, name="norm"),
            ToyShift(dtype=dtype, name="toy_shift", **kwargs),
            keras.layers.Dense(3, dtype=head_dtype, name="classifier"),
        ],
        name="toy",
    )


def toy_batch(clips=8):
    """Returns inputs `[clips, 5]` and labels of 3 classes."""
    rng = np.random.default_rng(5)
    return (
        tf.constant(rng.normal(size=(clips, 5)), "float32"),
        tf.constant(rng.integers(0, 3, clips), "int32"),
    )
