import keras

from gsf_tf.training.parameter_group import find_group


def learning_rates(optimizer):
    """Returns the learning rate of each parameter group for the next step.

    Args:
        optimizer: Built `CoupledSGD` or `GroupedAdamW`, or a `LossScaleOptimizer` around one.

    Returns:
        A dictionary of floats: `lr/base` for variables without a group, and `lr/<name>` for each
        group that has variables.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    base = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    rates = {"lr/base": base}
    used = [find_group(v, optimizer.groups) for v in optimizer._trainable_variables]
    for group in optimizer.groups:
        if group in used:
            rates[f"lr/{group.name}"] = base * group.learning_rate
    return rates
