import keras
import tensorflow as tf

from gsf_tf.layers.after_shift import convolved_after_shift


@keras.saving.register_keras_serializable(package="gsf_tf")
class Conv2D(keras.layers.Conv2D):
    """Convolution that runs as one op with the RubiksShift before it.

    Weights, configuration, results and gradients are those of `keras.layers.Conv2D`. In a graph
    (`fit`, `predict`, any `tf.function`), a convolution of 1x1 without bias and activation that
    reads a `RubiksShift2D` or `RubiksShift3D` becomes `gsf_tf.ops.rubiks_shift_pointwise`, which is
    faster and does not keep the shifted map for the gradient. The op has a first
    derivative only; see `gsf_tf.ops.rubiks_shift`. It runs in float32 on a CPU with the compiled
    library; in any other case the layer is that of Keras.

    RubiksNet and `replace_with_shift` are made of it; it is not a name of `gsf_tf.layers`.

    Args:
        filters: Integer >= 1. Number of output channels.
        kernel_size: Integer >= 1, or two of them.
        **kwargs: Arguments of `keras.layers.Conv2D`.

    Input shape:
        `[N, H, W, C]`

    Output shape:
        `[N, H', W', filters]`

    Raises:
        ValueError: If an argument breaks the rules of `keras.layers.Conv2D`.

    Example:

    ```python
    shift = gsf_tf.layers.RubiksShift3D(num_segments=8)
    convolution = gsf_tf.layers.conv_2d.Conv2D(64, 1, use_bias=False)
    y = tf.function(lambda x: convolution(shift(x)))(tf.random.normal((8, 14, 14, 32)))
    ```

    Reference:
        RubiksNet paper, section 3.2.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        outputs = convolved_after_shift(inputs, kernel) if self._is_pointwise() else None
        return super().convolution_op(inputs, kernel) if outputs is None else outputs

    def _is_pointwise(self):
        ones = self.kernel_size == self.strides == (1, 1)
        # TensorFlow joins a convolution with a bias and an activation by itself.
        plain = not self.use_bias and self.activation is keras.activations.linear
        return ones and plain and self.groups == 1 and self.data_format == "channels_last"
