import keras

from gsf_tf.errors import UserError
from gsf_tf.training.coupled_sgd import CoupledSGD
from gsf_tf.training.derived_values import scaled_learning_rate
from gsf_tf.training.shift_gradients import is_shift
from gsf_tf.training.warmup_cosine import WarmupCosine


def build_optimizer(config, model, steps_per_epoch):
    """Builds the optimizer of a configuration for the variables of a model.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        model: Built model.
        steps_per_epoch: Optimizer steps of an epoch.

    Returns:
        A `CoupledSGD` with a `WarmupCosine`; for mixed_float16 a `LossScaleOptimizer` around it.

    Raises:
        UserError: If a value is outside its range.
    """
    # With spatial_shift and temporal_shift "fixed" there is no gradient to normalize.
    learns_shifts = any(is_shift(variable) for variable in model.trainable_variables)
    try:
        optimizer = CoupledSGD(
            WarmupCosine(
                scaled_learning_rate(config),
                total_steps=config.epochs * steps_per_epoch,
                warmup_steps=config.warmup_epochs * steps_per_epoch,
            ),
            momentum=config.optimizer.momentum,
            l2=config.optimizer.weight_decay,
            clip_norm=config.optimizer.clip_norm,
            clip_variables=config.optimizer.clip_variables,
            groups=config.optimizer.groups,
            shift_normalization=config.optimizer.shift_normalization if learns_shifts else None,
        )
    except ValueError as error:
        raise UserError(f"`config.optimizer` must describe an optimizer. {error}") from error
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer
