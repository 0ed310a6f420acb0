import keras

from gsf_tf.layers import AttentionShift
from gsf_tf.models.layer_lookup import find_layers


class AttentionAnnealing(keras.callbacks.Callback):
    """Lowers the temperature of all `AttentionShift` layers exponentially, step by step.

    ```
    temperature = start * (end / start) ** min(step / total_steps, 1)
    ```

    The step is the optimizer's, which is saved with it: a run that continues finds the temperature
    it would have had. The temperature itself is a weight of each layer and saved with the model.

    Args:
        total_steps: Integer >= 1. Optimizer steps until `end` is reached.
        start: Temperature at step 0, > 0.
        end: Last temperature, > 0.

    Example:

    ```python
    steps = 40 * len(dataset)
    model.fit(dataset, epochs=60, callbacks=[gsf_tf.training.AttentionAnnealing(steps)])
    ```

    Reference:
        RubiksNet paper, section 4.1: from 2.0 to 1e-3 over 40 epochs.
    """

    def __init__(self, total_steps, start=2.0, end=1e-3):
        super().__init__()
        if int(total_steps) != total_steps or total_steps < 1:
            raise ValueError(
                f"`total_steps` must be an integer >= 1. Received: total_steps={total_steps!r}"
            )
        if start <= 0 or end <= 0:
            raise ValueError(
                f"Temperatures must be positive. Received: start={start!r}, end={end!r}"
            )
        self.total_steps = int(total_steps)
        self.start = start
        self.end = end

    def temperature(self, step):
        """Returns the temperature at an optimizer step, a float."""
        return self.start * (self.end / self.start) ** min(step / self.total_steps, 1.0)

    def apply(self, model, step):
        """Gives the layers of a model the temperature of an optimizer step.

        Raises:
            ValueError: If the model has no `AttentionShift`.
        """
        layers = find_layers(model, AttentionShift)
        if not layers:
            raise ValueError(
                "Annealing lowers the temperature of `AttentionShift` layers. "
                f"Received: {model.name!r}, which has none."
            )
        for layer in layers:
            layer.temperature.assign(self.temperature(step))

    def apply_step_of(self, model, optimizer):
        """Gives the layers of a model the temperature of the steps that an optimizer has taken."""
        # `int(variable)` is not possible for a variable on several devices.
        self.apply(model, int(keras.ops.convert_to_numpy(optimizer.iterations)))

    def on_train_batch_begin(self, batch, logs=None):
        self.apply_step_of(self.model, self.model.optimizer)

    def on_train_end(self, logs=None):
        self.apply_step_of(self.model, self.model.optimizer)
