import numpy as np

from gsf_tf.data.inspection.class_counts import count_classes
from gsf_tf.errors import UserError


def class_weights(config, info):
    """Returns the weight of each class in the loss, with which every class has the same total.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.

    Returns:
        None for `config.data.class_balance="none"`. Otherwise float32 `[K]`: clips / (classes x
        clips of the class), where `classes` are those with clips, so that the mean over the clips
        is 1. A class without training clips has the weight 0.

    Raises:
        UserError: If the model has several tasks, which have no common class.
    """
    if config.data.class_balance == "none":
        return None
    if config.task_weights:
        raise UserError(
            "`config.data.class_balance` must be 'none' for several tasks. Received: "
            f"{config.data.class_balance!r} and {', '.join(config.task_weights)}."
        )
    counts = np.array(count_classes(info, config.data.records, config.data.train_split))
    weights = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return np.where(counts > 0, weights, 0).astype("float32")
