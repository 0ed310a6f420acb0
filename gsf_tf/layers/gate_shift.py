from typing import Any

import keras

from gsf_tf.layers.gated_shift import GatedShift


@keras.saving.register_keras_serializable(package="gsf_tf")
class GateShift(GatedShift):
    """Gate-Shift Module (GSM): the predecessor of GSF, with a sum in place of the fusion.

    `Z = shift(Y) + R` with `Y = tanh(Wg * X) . X` and `R = X - Y`, in two halves as in
    `GateShiftFuse`. The gate's convolution is initialized with zeros, so an untrained layer only
    interleaves its channels.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        channel_ratio: Share of the channels that is processed, in (0, 1], as in `GateShiftFuse`.
        momentum: Momentum of the moving statistics of the batch normalization, in [0, 1).
        epsilon: Small number that the batch normalization adds to the variance.
        synchronized: Whether the batch normalization takes the statistics over all replicas of a
            `tf.distribute` strategy; the layer then runs on its reference path in training.
        causal: Whether no frame reads a later one, for video without an end: the convolutions over
            time are centered on frame t - 1, which both halves then read. The weights have the same
            shapes, so those of the plain layer can start the causal one.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other.

    Output shape:
        The same as the input.

    Raises:
        ValueError: If an argument breaks these rules, or the number of processed channels is not a
            positive multiple of 4.

    Example:

    ```python
    gsm = gsf_tf.layers.GateShift(num_segments=8)
    y = gsm(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        Sudhakaran, Escalera and Lanz, Gate-Shift Networks for Video Action Recognition, CVPR
        2020; GSF paper, equations (1)-(6) and Table 5 (gate learned, fusion by sum).
    """

    method = "gsm"
    fusion = "sum"

    def __init__(
        self,
        num_segments: int,
        channel_ratio: float = 1.0,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        synchronized: bool = False,
        causal: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            num_segments,
            channel_ratio,
            "learned",
            gate_initializer="zeros",
            gate_bias_initializer=lambda channels: "zeros",
            momentum=momentum,
            epsilon=epsilon,
            synchronized=synchronized,
            causal=causal,
            **kwargs,
        )
