"""Where rounding moves the logits of a network far, an export may differ by that, only there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.export import ExportError, export_saved_model
from gsf_tf.export.comparison import model_logits, random_clips
from gsf_tf.export.rounding import allowed_difference


def sensitive_model(size):
    """Returns a model whose logits are differences of numbers about `size` times as large."""
    clip = keras.Input((1, 2, 2, 3), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(clip))
    large, as_large = (
        keras.layers.Dense(4, kernel_initializer=keras.initializers.Constant(size))(x)
        for _ in range(2)
    )
    x = keras.layers.Dense(4, kernel_initializer="glorot_normal")(x)
    x = keras.layers.Subtract()([keras.layers.Add()([x, large]), as_large])
    return keras.Model(clip, keras.layers.Dense(2)(x))


def moved_by(logits, share):
    return {name: rows + share * np.abs(rows).max() for name, rows in logits.items()}


@pytest.mark.parametrize(
    ("size", "received", "lowest", "highest"),
    [
        (1, 0.1, 1e-4, 1e-4),
        (100, 5e-5, 1e-4, 1e-4),
        (100, 0.1, 1.2e-4, 9e-4),
        (1e5, 0.1, 1e-3, 1e-3),
    ],
)
def test_the_bound_is_what_rounding_does(size, received, lowest, highest):
    keras.utils.set_random_seed(0)
    model = sensitive_model(size)
    clips = random_clips(model)
    before = [np.array(w) for w in model.get_weights()]
    expected = model_logits(model, clips)
    batches = [moved_by({"logits": expected["logits"][:1]}, 0), moved_by(expected, received)]
    assert lowest <= allowed_difference(model, clips, expected, batches) <= highest
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


class Noise(keras.layers.Layer):
    """Adds other numbers in each call, below 8e-4."""

    def call(self, inputs):
        return inputs + tf.random.uniform(tf.shape(inputs), 0, 8e-4)


def test_an_export_may_differ_by_rounding_but_not_by_more_than_a_given_bound(tmp_path):
    keras.utils.set_random_seed(0)
    model, labels = sensitive_model(1e4), LabelMap(["a", "b"])
    noisy = keras.Model(model.input, Noise()(model.output))
    assert 1e-4 < export_saved_model(noisy, labels, tmp_path / "1") < 1e-3
    with pytest.raises(ExportError, match="allowed: 1e-06"):
        export_saved_model(noisy, labels, tmp_path / "2", rtol=1e-6)
