import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gsf_tf")
class CoupledSGD(keras.optimizers.Optimizer):
    """SGD with momentum as the papers used it: coupled L2 decay, rate outside the buffer.

    ```
    gradient = gradient * min(1, clip_norm / (norm + 1e-6))      norm over all variables
    buffer   = momentum * buffer + (gradient + l2 * weight)
    weight  -= learning_rate * buffer
    ```

    `keras.optimizers.SGD` keeps the learning rate inside the buffer and its `weight_decay` is
    decoupled, so it takes other steps as soon as the rate changes. Clipping sees the gradient of
    the global batch: it comes after the sum over replicas, in `model.fit` and in own loops alike.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        momentum: In [0, 1).
        l2: Coupled weight decay, >= 0, on every variable.
        clip_norm: Largest global norm of the gradient, > 0, or None for no clipping.

    Example:

    ```python
    model.compile(
        optimizer=gsf_tf.training.CoupledSGD(0.01, l2=5e-4, clip_norm=20.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    ```

    Reference:
        GSF paper, section 4.2 (momentum 0.9); the order of clipping, decay and momentum is that
        of `torch.optim.SGD` as the authors' code calls it.
    """

    def __init__(
        self, learning_rate=0.01, momentum=0.9, l2=0.0, clip_norm=None, name="coupled_sgd", **kwargs
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        if not 0 <= momentum < 1:
            raise ValueError(f"`momentum` must be in [0, 1). Received: momentum={momentum}")
        if l2 < 0:
            raise ValueError(f"`l2` must not be negative. Received: l2={l2}")
        if clip_norm is not None and clip_norm <= 0:
            raise ValueError(
                f"`clip_norm` must be positive, or None. Received: clip_norm={clip_norm}"
            )
        self.momentum = momentum
        self.l2 = l2
        self.clip_norm = clip_norm

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.buffers = self.add_optimizer_variables(variables, "buffer")

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """Clips what Keras sums over the replicas, the gradient of the global batch."""
        summed = super()._all_reduce_sum_gradients(grads_and_vars)
        if self.clip_norm is None:
            return summed
        norm = tf.linalg.global_norm([gradient for gradient, _ in summed])
        factor = tf.minimum(self.clip_norm / (norm + 1e-6), 1.0)
        return [
            (None if gradient is None else gradient * tf.cast(factor, gradient.dtype), variable)
            for gradient, variable in summed
        ]

    def update_step(self, gradient, variable, learning_rate):
        buffer = self.buffers[self._get_variable_index(variable)]
        gradient = keras.ops.cast(gradient, variable.dtype) + self.l2 * variable
        self.assign(buffer, self.momentum * buffer + gradient)
        self.assign_sub(variable, keras.ops.cast(learning_rate, variable.dtype) * buffer)

    def get_config(self):
        config = super().get_config()
        config.update(momentum=self.momentum, l2=self.l2, clip_norm=self.clip_norm)
        return config
