import keras
import tensorflow as tf

from gsf_tf.layers.after_shift import added_to_convolution


@keras.saving.register_keras_serializable(package="gsf_tf")
class Add(keras.layers.Add):
    """Addition that runs as one op with the shift and the convolution before it.

    Configuration and results are those of `keras.layers.Add`. The sum of a map and the result of a
    `Conv2D` that runs as one op with its shift is computed by that op too.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        A list of tensors of one shape.

    Output shape:
        The same as each input.

    Raises:
        ValueError: If the inputs are not a list of at least two tensors, or do not have one shape.

    Example:

    ```python
    y = Add()([tf.ones((8, 14, 14, 32)), tf.ones((8, 14, 14, 32))])
    ```

    Reference:
        The residual blocks of the RubiksNet paper, section 3.2.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        outputs = added_to_convolution(inputs)
        return super().call(inputs) if outputs is None else outputs
