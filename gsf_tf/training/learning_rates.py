import re

import keras

from gsf_tf.training.parameter_group import find_group


def learning_rates(optimizer):
    """Returns the learning rate of each parameter group for the next step.

    Args:
        optimizer: Built `CoupledSGD`, or a `LossScaleOptimizer` around one.

    Returns:
        A dictionary of floats: `lr/base` for variables without a group, and `lr/<pattern>` for each
        group that has variables. Non-word characters of the pattern are dropped.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    base = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
    rates = {"lr/base": base}
    used = [find_group(v, optimizer.groups) for v in optimizer._trainable_variables]
    for group in optimizer.groups:
        if group in used:
            name = "_".join(re.findall(r"\w+", group.pattern))
            rates[f"lr/{name}"] = base * group.learning_rate
    return rates
