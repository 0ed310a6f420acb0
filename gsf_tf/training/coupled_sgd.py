import dataclasses

import keras
import tensorflow as tf

from gsf_tf.training.parameter_group import check_groups, find_group
from gsf_tf.training.shift_gradients import (
    check_shift_normalization,
    normalize_shift_gradient,
    temporal_scales,
)


@keras.saving.register_keras_serializable(package="gsf_tf")
class CoupledSGD(keras.optimizers.Optimizer):
    """SGD with momentum as the papers used it: coupled L2 decay, rate outside the buffer.

    ```
    gradient = direction of gradient                             shift variables, if asked for
    gradient = gradient * min(1, clip_norm / (norm + 1e-6))      norm over all variables
    buffer   = momentum * buffer + (gradient + l2 * group.l2 * weight)
    weight  -= learning_rate * group.learning_rate * buffer
    ```

    `keras.optimizers.SGD` keeps the learning rate inside the buffer and its `weight_decay` is
    decoupled, so it takes other steps as soon as the rate changes. Normalization and clipping see
    the gradient of the global batch: they come after the sum over replicas and after
    `gradient_accumulation_steps`, in `model.fit` and in own loops alike.

    Args:
        learning_rate: Float or `LearningRateSchedule`.
        momentum: In [0, 1).
        l2: Coupled weight decay, >= 0, on every variable, times `l2` of the variable's group.
        clip_norm: Largest global norm of the gradient, > 0, or None for no clipping.
        groups: `ParameterGroup`s, or dictionaries of their arguments: multipliers of
            `learning_rate` and `l2` by path of the variable. `RUBIKSNET_GROUPS` are RubiksNet's.
        shift_normalization: For the shifts of RubiksNet: None leaves their gradients as they are.
            A float > 0 multiplies the temporal part by it (the paper's lambda) and then makes
            each channel's gradient a unit vector; `"auto"` takes T / H of each layer's input.
            Equation (10) has lambda where the authors' code and this have lambda squared; at 1.0,
            the released models' value, they agree.

    Example:

    ```python
    model.compile(
        optimizer=gsf_tf.training.CoupledSGD(0.01, l2=5e-4, clip_norm=20.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    # RubiksNet: shifts learn at a hundredth of the rate, from the direction of their gradients
    optimizer = gsf_tf.training.CoupledSGD(
        0.01, l2=5e-4, groups=gsf_tf.training.RUBIKSNET_GROUPS, shift_normalization=1.0
    )
    ```

    Reference:
        GSF paper, section 4.2 (momentum 0.9); the order of clipping, decay and momentum is that
        of `torch.optim.SGD` as the authors' code calls it. RubiksNet paper, section 3.2,
        equations (9)-(10).
    """

    def __init__(
        self,
        learning_rate=0.01,
        momentum=0.9,
        l2=0.0,
        clip_norm=None,
        groups=(),
        shift_normalization=None,
        name="coupled_sgd",
        **kwargs,
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
        self.groups = check_groups(groups)
        self.shift_normalization = check_shift_normalization(shift_normalization)

    def build(self, variables):
        if self.built:
            return
        self.temporal_scales = temporal_scales(variables, self.shift_normalization)
        self.variable_groups = [find_group(variable, self.groups) for variable in variables]
        super().build(variables)
        self.buffers = self.add_optimizer_variables(variables, "buffer")

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """Normalizes and clips what Keras sums over replicas, the gradient of the global batch."""
        summed = [
            (self._normalized(gradient, variable), variable)
            for gradient, variable in super()._all_reduce_sum_gradients(grads_and_vars)
        ]
        if self.clip_norm is None:
            return summed
        norm = tf.linalg.global_norm([gradient for gradient, _ in summed])
        factor = tf.minimum(self.clip_norm / (norm + 1e-6), 1.0)
        return [
            (gradient * tf.cast(factor, gradient.dtype), variable) for gradient, variable in summed
        ]

    def _normalized(self, gradient, variable):
        temporal_scale = self.temporal_scales[self._get_variable_index(variable)]
        if temporal_scale is None:
            return gradient
        return normalize_shift_gradient(gradient, temporal_scale)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        buffer, group = self.buffers[index], self.variable_groups[index]
        decay = self.l2 * group.l2
        gradient = keras.ops.cast(gradient, variable.dtype) + decay * variable
        self.assign(buffer, self.momentum * buffer + gradient)
        rate = keras.ops.cast(learning_rate, variable.dtype) * group.learning_rate
        self.assign_sub(variable, rate * buffer)

    def get_config(self):
        config = super().get_config()
        config.update(
            momentum=self.momentum,
            l2=self.l2,
            clip_norm=self.clip_norm,
            groups=[dataclasses.asdict(group) for group in self.groups],
            shift_normalization=self.shift_normalization,
        )
        return config
