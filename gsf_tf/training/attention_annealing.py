from typing import Any

import keras

from gsf_tf.layers import AttentionShift
from gsf_tf.models.layer_lookup import find_layers


class AttentionAnnealing(keras.callbacks.Callback):
    """Callback that lowers the temperature of all `AttentionShift` layers exponentially.

    ```
    temperature = start * (end / start) ** min(step / total_steps, 1)
    ```

    `step` is the number of steps of the optimizer, which is saved with the optimizer, so a resumed
    run continues with the right temperature. The temperature itself is a weight of each layer and
    is saved with the model.

    Args:
        total_steps: Integer >= 1. Number of optimizer steps after which the temperature is `end`.
        start: Temperature at step 0, > 0.
        end: Final temperature, > 0.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    steps = 40 * len(dataset)
    model.fit(dataset, epochs=60, callbacks=[gsf_tf.training.AttentionAnnealing(steps)])
    ```

    Reference:
        RubiksNet paper, section 4.1: from 2.0 to 1e-3 over 40 epochs.
    """

    def __init__(self, total_steps: int, start: float = 2.0, end: float = 1e-3):
        super().__init__()
        if int(total_steps) != total_steps or total_steps < 1:
            raise ValueError(
                f"`total_steps` must be an integer >= 1. Received: total_steps={total_steps!r}"
            )
        if start <= 0 or end <= 0:
            raise ValueError(
                f"`start` and `end` must be positive. Received: start={start!r}, end={end!r}"
            )
        self.total_steps = int(total_steps)
        self.start = start
        self.end = end

    def temperature(self, step: int) -> float:
        """Returns the temperature after a number of optimizer steps."""
        return self.start * (self.end / self.start) ** min(step / self.total_steps, 1.0)

    def apply(self, model: keras.Model, step: int) -> None:
        """Sets the temperature of the layers of a model.

        Args:
            model: `keras.Model` with `AttentionShift` layers.
            step: Number of optimizer steps.

        Raises:
            ValueError: If the model has no `AttentionShift`.
        """
        layers = find_layers(model, AttentionShift)
        if not layers:
            raise ValueError(
                "The model must have `AttentionShift` layers, whose temperature is lowered. "
                f"Received: {model.name!r}, which has none."
            )
        for layer in layers:
            layer.temperature.assign(self.temperature(step))

    def apply_step_of(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Sets the temperature of the layers of a model by the steps of an optimizer."""
        # `int(variable)` is not possible for a variable on several devices.
        self.apply(model, int(keras.ops.convert_to_numpy(optimizer.iterations)))

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Sets the temperature of the step that begins."""
        self.apply_step_of(self.model, self.model.optimizer)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Sets the temperature after the last step."""
        self.apply_step_of(self.model, self.model.optimizer)
