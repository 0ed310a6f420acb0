from typing import Any

import keras
import tensorflow as tf
from keras.initializers import Initializer

from gsf_tf.layers.arguments import check_causal, check_feature_map
from gsf_tf.layers.temporal_layer import TemporalLayer
from gsf_tf.ops.reference.rubiks_shift import temporal_taps

EPSILON = 1e-6
REACH = 1


@keras.saving.register_keras_serializable(package="gsf_tf")
class AttentionShift(TemporalLayer):
    """Temporal shift as attention over the previous, the same and the next frame (RS-AQ).

    Every channel has a distribution over the frames t-1, t, t+1 and outputs their weighted sum. As
    the temperature falls, the distributions become one-hot, which is an integer shift per channel,
    learned with an exact gradient. `gsf_tf.training.AttentionAnnealing` lowers the temperature;
    `gsf_tf.models.harden` replaces the distributions by integer shifts.

    | equation (7) | here |
    |---|---|
    | W_attn | `attention`, `[3, C]`, rows t-1, t, t+1 |
    | std(W_attn) | unbiased, over the taps of a channel, plus 1e-6 |
    | tau_a | 1 / `temperature`; the equation multiplies, but only division anneals to one-hot |
    | W_attnshift | `distribution()` |

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        temperature: Initial temperature, > 0.
        initializer: Initializer of `attention`; by default uniform in [1, 1.05), so that the three
            frames have nearly equal weights at first.
        causal: Whether no frame reads a later one: the distributions are over t-1 and t. The row of
            t+1 stays in `attention`, unused.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other.

    Output shape:
        The same as the input.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    shift = gsf_tf.layers.AttentionShift(num_segments=8)
    y = shift(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        RubiksNet paper, section 3.1, "Attention Quantized Shift", equation (7), and section 4.1.
    """

    method = "rubiksnet"

    def __init__(
        self,
        num_segments: int,
        temperature: float = 2.0,
        initializer: Initializer | str | dict | None = None,
        causal: bool = False,
        **kwargs: Any,
    ):
        super().__init__(num_segments, **kwargs)
        if temperature <= 0:
            raise ValueError(
                f"`temperature` must be positive. Received: temperature={temperature!r}"
            )
        self.initial_temperature = temperature
        self.causal = check_causal(causal)
        default = keras.initializers.RandomUniform(1.0, 1.05)
        self.initializer = keras.initializers.get(initializer or default)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.attention = self.add_weight(
            shape=(2 * REACH + 1, check_feature_map(self.name, input_shape)),
            initializer=self.initializer,
            dtype="float32",
            autocast=False,
            name="attention",
        )
        self.temperature = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.initial_temperature),
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="only_first_replica",
            name="temperature",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return temporal_taps(inputs, self.distribution(), self.num_segments)

    def distribution(self) -> tf.Tensor:
        """Returns W_attnshift of equation (7), float32 `[3, C]`; the columns sum to 1."""
        # A constant that is taken from all taps changes neither the deviation nor the softmax.
        # Equation (7) divides W_attn itself: where the deviation is small, that magnifies the
        # rounding of W_attn. The difference of nearly equal taps is exact.
        taps = self._taps()
        relative = taps - taps[REACH]
        centered = relative - keras.ops.mean(relative, axis=0)
        variance = keras.ops.sum(keras.ops.square(centered), axis=0) / (taps.shape[0] - 1)
        # The gradient of sqrt(0) is infinite; with the minimum, equal weights have a gradient of
        # zero, not NaN.
        deviation = keras.ops.sqrt(keras.ops.maximum(variance, 1e-20))
        scaled = centered / (deviation + EPSILON) / self.temperature
        distribution = keras.ops.softmax(scaled, axis=0)
        unread = self.attention.shape[0] - taps.shape[0]
        return keras.ops.pad(distribution, [(0, unread), (0, 0)]) if unread else distribution

    def _taps(self):
        return self.attention[: REACH + 1] if self.causal else self.attention

    def nonzero_share(self) -> tf.Tensor:
        """Returns the mean over channels of the attention on other frames, a scalar in [0, 1]."""
        return keras.ops.mean(1 - self.distribution()[REACH])

    def integer_shifts(self) -> tf.Tensor:
        """Returns the likeliest shift of every channel, int32 `[C]`; +1 reads the next frame."""
        return keras.ops.cast(keras.ops.argmax(self._taps(), axis=0), "int32") - REACH

    def channel_shifts(self) -> tf.Tensor:
        return keras.ops.cast(self.integer_shifts(), "float32")[None]

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, int]:
        return 0, 0  # The papers count shifts as free, even a weighted sum over frames.

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            temperature=self.initial_temperature,
            initializer=keras.initializers.serialize(self.initializer),
            causal=self.causal,
        )
        return config
