import keras


@keras.saving.register_keras_serializable(package="gsf_tf")
class FoldSegments(keras.layers.Layer):
    """Folds the segment axis of a clip into the batch, so that 2D layers see frames.

    Input shape:
        `[B, T, H, W, C]`

    Output shape:
        `[B * T, H, W, C]`, frames of a clip next to each other.
    """

    def __init__(self, **kwargs):
        # Pixels are whole numbers up to 255 plus fractions: they stay as they come.
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        height, width, channels = self.compute_output_shape(inputs.shape)[1:]
        shape = keras.ops.shape(inputs)
        return keras.ops.reshape(inputs, (-1, height or shape[2], width or shape[3], channels))

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 5:
            raise ValueError(
                "A clip has the shape `[batch, num_segments, height, width, 3]`. "
                f"Received: shape={tuple(input_shape)}"
            )
        batch, segments, *frame = input_shape
        frames = batch * segments if batch is not None and segments is not None else None
        return (frames, *frame)
