import keras

from gsf_tf.errors import UserError
from gsf_tf.training.coupled_sgd import CoupledSGD
from gsf_tf.training.derived_values import scaled_learning_rate
from gsf_tf.training.grouped_adamw import GroupedAdamW
from gsf_tf.training.head import head_group
from gsf_tf.training.shift_gradients import is_shift
from gsf_tf.training.warmup_cosine import WarmupCosine
from gsf_tf.training.warmup_steps import WarmupSteps

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("cosine", "step")


def build_optimizer(config, model, steps_per_epoch):
    """Builds the optimizer of a configuration for the variables of a model.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        model: Built `SegmentModel`.
        steps_per_epoch: Optimizer steps of an epoch.

    Returns:
        A `CoupledSGD` or `GroupedAdamW` with a `WarmupCosine` or `WarmupSteps`; for mixed_float16 a
        `LossScaleOptimizer` around it.

    Raises:
        UserError: If a value is outside its range.
    """
    try:
        schedule = _schedule(config, steps_per_epoch)
        if config.optimizer.name == "adamw":
            optimizer = _adamw(config.optimizer, schedule, _groups(config, model))
        else:
            optimizer = _sgd(config.optimizer, schedule, _groups(config, model), model)
    except ValueError as error:
        raise UserError(f"`config.optimizer` must describe an optimizer. {error}") from error
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def _schedule(config, steps_per_epoch):
    peak, warmup_steps = scaled_learning_rate(config), config.warmup_epochs * steps_per_epoch
    total_steps = config.epochs * steps_per_epoch
    if config.optimizer.schedule == "cosine":
        return WarmupCosine(peak, total_steps, warmup_steps)
    boundaries = [max(1, round(share * total_steps)) for share in config.optimizer.decay_at]
    return WarmupSteps(peak, boundaries, config.optimizer.decay_factor, warmup_steps)


def _groups(config, model):
    rate, groups = config.optimizer.head_rate, config.optimizer.groups
    if rate == 1.0:
        return groups
    if groups:
        raise ValueError(
            "`head_rate` makes a group of its own, so it must be 1 where `groups` are given. "
            f"Received: head_rate={rate} and {len(groups)} groups. Add the rate to the groups"
        )
    return [head_group(model, rate)]


def _sgd(values, schedule, groups, model):
    # With spatial_shift and temporal_shift "fixed" there is no gradient to normalize.
    learns_shifts = any(is_shift(variable) for variable in model.trainable_variables)
    return CoupledSGD(
        schedule,
        momentum=values.momentum,
        l2=values.weight_decay,
        clip_norm=values.clip_norm,
        clip_variables=values.clip_variables,
        groups=groups,
        shift_normalization=values.shift_normalization if learns_shifts else None,
    )


def _adamw(values, schedule, groups):
    if values.shift_normalization is not None or values.clip_variables != "all":
        raise ValueError(
            "With name='adamw', which scales every gradient by its own history, "
            "`shift_normalization` must be None and `clip_variables` 'all'. "
            f"Received: shift_normalization={values.shift_normalization!r}, "
            f"clip_variables={values.clip_variables!r}. Leave them out, or use name='sgd'"
        )
    return GroupedAdamW(
        schedule, weight_decay=values.weight_decay, clip_norm=values.clip_norm, groups=groups
    )
