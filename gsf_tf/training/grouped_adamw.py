import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from gsf_tf.training.gradient_clipping import clip_gradients
from gsf_tf.training.parameter_group import ParameterGroup, check_groups, find_group
from gsf_tf.training.shift_gradients import decay_mask


@keras.saving.register_keras_serializable(package="gsf_tf")
class GroupedAdamW(keras.optimizers.AdamW):
    """Keras' AdamW with parameter groups, and clipping by the norm of the global batch.

    ```
    weight -= rate * weight_decay * group.l2 * weight     rate = learning_rate * group.learning_rate
    weight -= rate * m' / (sqrt(v') + epsilon)            m', v': moments without their bias
    ```

    The bias of the moments is that of the updates of each variable. So a variable that is trained
    later than others, as a backbone that is frozen first, begins like a new one. Clipping applies
    after the sum over replicas and after `gradient_accumulation_steps`.

    Args:
        learning_rate: Float > 0 or `LearningRateSchedule`.
        weight_decay: Decoupled decay, >= 0, of every variable, times `l2` of the variable's group.
        clip_norm: Largest global norm of the gradient, > 0, or None for no clipping.
        groups: `ParameterGroup`s, or dictionaries of their arguments, as in `CoupledSGD`.
        name: Name of the optimizer.
        **kwargs: Arguments of `keras.optimizers.AdamW`, such as `beta_1`.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    head = gsf_tf.training.ParameterGroup(r"(^|/)classifier/", learning_rate=10.0)
    optimizer = gsf_tf.training.GroupedAdamW(1e-4, weight_decay=0.05, groups=[head])
    ```

    Reference:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 1e-3,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        groups: Iterable[ParameterGroup | Mapping[str, Any]] = (),
        name: str = "grouped_adamw",
        **kwargs: Any,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, name=name, **kwargs)
        if weight_decay < 0:
            raise ValueError(
                f"`weight_decay` must not be negative. Received: weight_decay={weight_decay}"
            )
        if clip_norm is not None and clip_norm <= 0:
            raise ValueError(
                f"`clip_norm` must be positive, or None. Received: clip_norm={clip_norm}"
            )
        self.clip_norm = clip_norm
        self.groups = check_groups(groups)

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        self.variable_groups = [find_group(variable, self.groups) for variable in variables]
        super().build(variables)
        self.updates = [
            self.add_variable((), initializer="zeros", dtype="int", name=f"updates_{number}")
            for number in range(len(variables))
        ]

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """Clips the gradients of the global batch, summed over replicas by Keras."""
        return clip_gradients(super()._all_reduce_sum_gradients(grads_and_vars), self.clip_norm)

    def _apply_weight_decay(self, variables):
        """Leaves the decay to `update_step`, which knows the group."""

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates a variable and its moments; Keras calls it for each variable."""
        index = self._get_variable_index(variable)
        group = self.variable_groups[index]
        rate = keras.ops.cast(learning_rate, variable.dtype) * group.learning_rate
        decay = self.weight_decay * group.l2 * decay_mask(self._trainable_variables[index])
        self.assign_sub(variable, rate * decay * variable)
        self.assign_add(self.updates[index], 1)
        # Keras corrects the bias of as many updates as there were steps.
        own = self._correction(self.updates[index], variable.dtype)
        keras_own = self._correction(self.iterations + 1, variable.dtype)
        super().update_step(gradient, variable, rate * own / keras_own)

    def _correction(self, updates, dtype):
        """Returns the factor by which the bias of the moments makes an update too small."""
        updates = keras.ops.cast(updates, dtype)
        first = 1 - keras.ops.power(keras.ops.cast(self.beta_1, dtype), updates)
        second = 1 - keras.ops.power(keras.ops.cast(self.beta_2, dtype), updates)
        return keras.ops.sqrt(second) / first

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            clip_norm=self.clip_norm,
            groups=[dataclasses.asdict(group) for group in self.groups],
        )
        return config
