"""The checks every layer passes: shapes, configuration, saving, dtype policies, a training step."""

import keras
import numpy as np
import tensorflow as tf


def run_layer_test(
    layer_class, init_kwargs, input_shape, expected_output_shape, tmp_path, variable_dtype=None
):
    """Runs all checks for a layer that takes one float tensor.

    Args:
        layer_class: The layer's class.
        init_kwargs: Its arguments.
        input_shape: Whole shape of the input, batch first.
        expected_output_shape: Whole shape of the output.
        tmp_path: Folder to save to.
        variable_dtype: Data type of the variables under every policy; by default the policy's.
    """
    x = np.random.default_rng(0).normal(size=input_shape).astype("float32")
    layer = layer_class(**init_kwargs)
    y = layer(x)
    assert tuple(y.shape) == expected_output_shape

    config = layer.get_config()
    again = layer_class.from_config(config)
    assert again.get_config() == config
    for name, value in init_kwargs.items():
        assert getattr(again, name) == value

    symbolic = keras.Input(input_shape[1:])
    model = keras.Model(symbolic, again(symbolic))
    assert model.output_shape == (None, *expected_output_shape[1:])
    for weight in model.weights:
        if keras.backend.is_float_dtype(weight.dtype):
            weight.assign(weight + 0.1 * tf.random.normal(weight.shape))
    model.save(tmp_path / "layer.keras")
    loaded = keras.models.load_model(tmp_path / "layer.keras")
    np.testing.assert_array_equal(loaded(x), model(x))

    for policy in ("float32", "mixed_bfloat16", "mixed_float16", "float64"):
        typed = layer_class(**init_kwargs, dtype=policy)
        result = typed(x)
        assert tuple(result.shape) == expected_output_shape
        assert np.isfinite(np.asarray(result, "float64")).all()
        for weight in typed.weights:
            assert weight.dtype == (variable_dtype or keras.DTypePolicy(policy).variable_dtype)

    if model.trainable_variables:
        before = [np.array(v) for v in model.trainable_variables]
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
        model.fit(x, np.zeros(expected_output_shape, "float32"), batch_size=len(x), verbose=0)
        for old, variable in zip(before, model.trainable_variables, strict=True):
            assert np.abs(old - np.array(variable)).max() > 0, variable.path
