from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.layers.arguments import check_num_segments


class TemporalLayer(keras.layers.Layer):
    """Base class of the layers that mix the frames of a clip inside a 2D backbone.

    All code that treats temporal layers in a special way finds them by this class and reads their
    attributes and methods: `count_macs`, `shift_statistics`, checkpoints, fine-tuning, the
    description of a run and the benchmarks. A new layer derives from this class, and no other file
    has to name it. `SegmentConsensus` is not a temporal layer: it combines predictions, not the
    frames inside the backbone.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        **kwargs: Arguments of `keras.layers.Layer`.

    Attributes:
        num_segments: Frames per clip.
        method: Name of the layer's method in presets and in the authors' checkpoints, such as
            `"gsf"`; None for a method that has neither.
        op: Name of the function of `gsf_tf.ops` that computes the layer's output; None for a layer
            that calls no such function.
        replaces_layer: Whether the layer replaces a layer of the 2D backbone, as GST's convolutions
            do. A layer that does not is an addition: the backbone without it is the 2D network, so
            the weights of one fit the other.
        reorders_channels: Whether the layer changes the order of the channels, as GSF's
            interleaving does.

    Input shape:
        `[B * T, H, W, C]`, frames of a clip next to each other.

    Example:

    ```python
    @keras.saving.register_keras_serializable(package="my_package")
    class ClipMean(gsf_tf.layers.TemporalLayer):
        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            clips = keras.ops.reshape(inputs, (-1, self.num_segments, *inputs.shape[1:]))
            mean = keras.ops.mean(clips, axis=1, keepdims=True)
            return keras.ops.reshape(clips - mean, (-1, *inputs.shape[1:]))
    ```
    """

    method: str | None = None
    op: str | None = None
    replaces_layer: bool = False
    reorders_channels: bool = False

    def __init__(self, num_segments: int, **kwargs: Any):
        check_image_data_format()
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, int] | None:
        """Returns the MACs of one call of the layer, without those of the layers inside it.

        Args:
            input_shape: Shape of the input, `(B * T, H, W, C)`, with all sizes known.
            output_shape: Shape of the output.

        Returns:
            A pair of integers: the multiply-accumulates of convolutions, linear layers and products
            of tensors; and the operations that the papers add for biases and normalization. None if
            they are not known: `gsf_tf.analysis.count_macs` then treats the layer as a layer
            without a counting rule.
        """
        return None

    def channel_shifts(self) -> tf.Tensor | None:
        """Returns the shift of each channel, or None if the layer's weights shift no channels.

        Returns:
            A tensor `[3, C]` (time, vertical, horizontal), `[2, C]` (vertical, horizontal) or
            `[1, C]` (time), in frames and elements of the map. Positive shifts read a later frame,
            further down or further right. Or None.
        """
        return None

    @property
    def has_identity_start(self) -> bool:
        """Whether `start_as_identity` can set the weights of this layer."""
        return False

    def start_as_identity(self) -> tuple[np.ndarray, np.ndarray]:
        """Sets the weights of the built layer so that it only reorders and scales its channels.

        A pretrained backbone then computes what it computed before, if the filters beside the layer
        undo order and scale (`gsf_tf.models.insert_temporal` with `start="identity"`).

        Returns:
            `(order, scale)`, vectors with an entry for each channel: the layer computes
            `scale * inputs[..., order]`.

        Raises:
            ValueError: If no weights of the layer do that (`has_identity_start`).
        """
        raise ValueError(
            "An identity start needs a layer whose weights can make it one. "
            f"Received: {self.name!r}, a {type(self).__name__}. Use its own start."
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(num_segments=self.num_segments)
        return config
