"""Where rounding moves the logits of a network far, an export may differ by that, only there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.export import ExportError, export_saved_model
from gsf_tf.export.comparison import model_logits, random_clips
from gsf_tf.export.rounding import allowed_difference

LABELS = LabelMap(["a", "b"])


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


class OtherInAGraph(keras.layers.Layer):
    """Is larger by a share of 5e-4 in a graph, as if an export rounded otherwise."""

    def call(self, inputs):
        return inputs if tf.executing_eagerly() else inputs * (1 + 5e-4)


def other_in_a_graph(size):
    keras.utils.set_random_seed(0)
    model = sensitive_model(size)
    return keras.Model(model.input, OtherInAGraph()(model.output))


def test_an_export_may_differ_by_rounding(tmp_path):
    difference = export_saved_model(other_in_a_graph(1e4), LABELS, tmp_path / "1")
    assert 4e-4 < difference < 6e-4


@pytest.mark.exhaustive
@pytest.mark.parametrize(("size", "options"), [(1, {}), (1e4, {"rtol": 1e-4})])
def test_an_export_may_not_differ_by_more(size, options, tmp_path):
    with pytest.raises(ExportError, match=r"\(allowed: 0.0001\)"):
        export_saved_model(other_in_a_graph(size), LABELS, tmp_path / "1", **options)


def test_logits_that_are_not_finite_allow_nothing():
    clip = keras.Input((1, 2, 2, 3), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(3e38)(clip))
    # The sum is finite or not, as the weight moves.
    model = keras.Model(clip, keras.layers.Dense(2, kernel_initializer="ones")(x))
    batches = [{"logits": np.ones((1, 2))}]
    expected = {"logits": np.full((1, 2), 2.0)}
    assert allowed_difference(model, random_clips(model), expected, batches) == 1e-4
