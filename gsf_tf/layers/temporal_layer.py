import keras

from gsf_tf.layers.arguments import check_num_segments


class TemporalLayer(keras.layers.Layer):
    """Base class of the layers that mix the frames of a clip inside a 2D backbone.

    Everything that treats temporal layers in a special way finds them by this class and asks them
    what it needs to know: `count_macs`, `shift_statistics`, checkpoints, fine-tuning, the
    description of a run and the benchmarks. A new layer derives from it, and no other file has to
    name the layer. `SegmentConsensus`, which ends a segment model, mixes predictions, not frames.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        **kwargs: Arguments of `keras.layers.Layer`.

    Attributes:
        num_segments: Frames per clip.
        method: Name of the layer's method in presets and in the authors' checkpoints, such as
            `"gsf"`; None for a method that has neither.
        op: Name of the function of `gsf_tf.ops` that does the layer's work; None for a layer that
            calls none.
        replaces_layer: Whether the layer takes the place of a layer of the 2D backbone, as GST's
            convolutions do. Without a layer that replaces none, the backbone is the 2D network, so
            weights of one fit the other.

    Input shape:
        `[B * T, H, W, C]`, frames of a clip next to each other.

    Example:

    ```python
    @keras.saving.register_keras_serializable(package="my_package")
    class ClipMean(gsf_tf.layers.TemporalLayer):
        def call(self, inputs):
            clips = keras.ops.reshape(inputs, (-1, self.num_segments, *inputs.shape[1:]))
            mean = keras.ops.mean(clips, axis=1, keepdims=True)
            return keras.ops.reshape(clips - mean, (-1, *inputs.shape[1:]))
    ```
    """

    method: str | None = None
    op: str | None = None
    replaces_layer: bool = False

    def __init__(self, num_segments: int, **kwargs):
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)

    def count_macs(self, input_shape: tuple, output_shape: tuple) -> tuple[int, int] | None:
        """Returns the layer's work in one call, without the layers that it calls itself.

        Args:
            input_shape: Shape of the input, `(B * T, H, W, C)`, all sizes known.
            output_shape: Shape of the output.

        Returns:
            Two integers: the multiply-accumulates of convolutions, linear layers and products of
            tensors; and what the papers add to them for biases and normalization. None if it is
            not known: `gsf_tf.analysis.count_macs` then treats the layer as one without a rule.
        """
        return None

    def channel_shifts(self):
        """Returns how far the layer's weights shift each channel, or None if they do not.

        Returns:
            Tensor `[3, C]` (time, vertical, horizontal), `[2, C]` (vertical, horizontal) or
            `[1, C]` (time), in frames and elements of the map; positive reads later, further down
            or right.
        """
        return None

    def get_config(self) -> dict:
        config = super().get_config()
        config.update(num_segments=self.num_segments)
        return config
