import keras
import tensorflow as tf

from gsf_tf.layers.after_shift import added_to_convolution


@keras.saving.register_keras_serializable(package="gsf_tf")
class Add(keras.layers.Add):
    """Addition that runs as one op with the shift and the convolution before it.

    Configuration, results and gradients are those of `keras.layers.Add`. Where one of two inputs is
    the result of a `Conv2D` that runs as one op with its shift, that op adds the other input too.
    If the sizes of the batch are unknown while the graph is traced, they must be equal when it
    runs.

    The blocks of RubiksNet end with it; it is not a name of `gsf_tf.layers`.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        A list of tensors whose shapes can be broadcast to one.

    Output shape:
        That shape.

    Raises:
        ValueError: If the inputs are not a list, or their shapes cannot be broadcast to one.

    Example:

    ```python
    y = gsf_tf.layers.add.Add()([tf.ones((8, 14, 14, 32)), tf.ones((8, 14, 14, 32))])
    ```

    Reference:
        The residual blocks of the RubiksNet paper, section 3.2.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        outputs = added_to_convolution(inputs)
        return super().call(inputs) if outputs is None else outputs
