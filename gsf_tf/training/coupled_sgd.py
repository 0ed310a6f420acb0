import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from gsf_tf.training.gradient_clipping import clip_gradients
from gsf_tf.training.parameter_group import ParameterGroup, check_groups, find_group
from gsf_tf.training.shift_gradients import (
    check_shift_normalization,
    decay_mask,
    is_shift,
    normalize_shift_gradient,
    temporal_scales,
)

CLIP_VARIABLES = ("all", "all_but_shifts")


@keras.saving.register_keras_serializable(package="gsf_tf")
class CoupledSGD(keras.optimizers.Optimizer):
    """SGD with momentum as in the papers: coupled L2 decay, learning rate outside of the buffer.

    ```
    gradient = direction of gradient                             with `shift_normalization`
    gradient = gradient * min(1, clip_norm / (norm + 1e-6))      norm over `clip_variables`
    buffer   = momentum * buffer + (gradient + l2 * group.l2 * weight)
    weight  -= learning_rate * group.learning_rate * buffer
    ```

    `keras.optimizers.SGD` differs in two ways: its learning rate is inside the buffer, so its steps
    differ after the rate changes, and its `weight_decay` is decoupled. Normalization and clipping
    apply to the gradient of the global batch, after the sum over replicas and after
    `gradient_accumulation_steps`, in `model.fit` and in custom training loops. What is fixed does
    not decay: variables that are not trainable, and the fixed rows of RubiksNet's shifts.

    Args:
        learning_rate: Float > 0 or `LearningRateSchedule`.
        momentum: Momentum in [0, 1).
        l2: Coupled weight decay, >= 0, of every variable, times `l2` of the variable's group.
        clip_norm: Largest global norm of the gradient, > 0, or None for no clipping.
        groups: `ParameterGroup`s, or dictionaries of their arguments: multipliers of
            `learning_rate` and `l2` for variables by their paths. RubiksNet's are
            `RUBIKSNET_GROUPS`.
        shift_normalization: Normalization of the gradients of RubiksNet's shifts. None leaves them
            unchanged. A float > 0, the paper's lambda, multiplies the temporal part, and then the
            gradient of each channel is scaled to a unit vector; `"auto"` uses T / H of the input of
            each layer. Equation (10) has lambda where the authors' code and this class have lambda
            squared; they agree at 1.0, the value of the released models.
        clip_variables: The variables whose gradients make up the norm of `clip_norm` and are scaled
            down with it: `"all"`, or `"all_but_shifts"`, which leaves RubiksNet's shifts out. Their
            normalized gradients have a length of 1 for each channel, whatever the batch, so in the
            norm over all variables they throttle the others.
        name: Name of the optimizer.
        **kwargs: Arguments of `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    model.compile(
        optimizer=gsf_tf.training.CoupledSGD(0.01, l2=5e-4, clip_norm=20.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    # RubiksNet: shifts have a hundredth of the rate and follow the direction of their gradients.
    optimizer = gsf_tf.training.CoupledSGD(
        0.01, l2=5e-4, groups=gsf_tf.training.RUBIKSNET_GROUPS, shift_normalization=1.0
    )
    ```

    Reference:
        GSF paper, section 4.2 (momentum 0.9); the order of clipping, decay and momentum is that
        of `torch.optim.SGD` in the authors' code. RubiksNet paper, section 3.2, equations
        (9)-(10).
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.01,
        momentum: float = 0.9,
        l2: float = 0.0,
        clip_norm: float | None = None,
        groups: Iterable[ParameterGroup | Mapping[str, Any]] = (),
        shift_normalization: float | str | None = None,
        clip_variables: str = "all",
        name: str = "coupled_sgd",
        **kwargs: Any,
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
        if clip_variables not in CLIP_VARIABLES:
            raise ValueError(
                f"`clip_variables` must be one of {', '.join(map(repr, CLIP_VARIABLES))}. "
                f"Received: clip_variables={clip_variables!r}"
            )
        self.clip_norm = clip_norm
        self.clip_variables = clip_variables
        self.groups = check_groups(groups)
        self.shift_normalization = check_shift_normalization(shift_normalization)

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        self.temporal_scales = temporal_scales(variables, self.shift_normalization)
        self.variable_groups = [find_group(variable, self.groups) for variable in variables]
        super().build(variables)
        self.buffers = self.add_optimizer_variables(variables, "buffer")

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """Normalizes and clips the gradients of the global batch, summed over replicas by Keras."""
        summed = [
            (self._normalized(gradient, variable), variable)
            for gradient, variable in super()._all_reduce_sum_gradients(grads_and_vars)
        ]
        return clip_gradients(summed, self.clip_norm, self._is_clipped)

    def _is_clipped(self, variable):
        index = self._get_variable_index(variable)
        return self.clip_variables == "all" or not is_shift(self._trainable_variables[index])

    def _normalized(self, gradient, variable):
        temporal_scale = self.temporal_scales[self._get_variable_index(variable)]
        if temporal_scale is None:
            return gradient
        return normalize_shift_gradient(gradient, temporal_scale)

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates a variable and its buffer; Keras calls it for each variable."""
        index = self._get_variable_index(variable)
        buffer, group = self.buffers[index], self.variable_groups[index]
        # `variable` is that of TensorFlow, which has not the attributes of Keras' own.
        decay = self.l2 * group.l2 * decay_mask(self._trainable_variables[index])
        gradient = keras.ops.cast(gradient, variable.dtype) + decay * variable
        self.assign(buffer, self.momentum * buffer + gradient)
        rate = keras.ops.cast(learning_rate, variable.dtype) * group.learning_rate
        self.assign_sub(variable, rate * buffer)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            momentum=self.momentum,
            l2=self.l2,
            clip_norm=self.clip_norm,
            clip_variables=self.clip_variables,
            groups=[dataclasses.asdict(group) for group in self.groups],
            shift_normalization=self.shift_normalization,
        )
        return config
