"""Values that follow from those of a configuration."""


def clips_per_step(config) -> int:
    """Returns the clips of one optimizer step, on all devices and accumulated ones included.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
    """
    return config.data.batch_size * config.optimizer.accumulate_steps


def scaled_learning_rate(config) -> float:
    """Returns the peak of the learning rate for the clips of one optimizer step.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
    """
    reference = config.optimizer.reference_batch_size
    if not reference:
        return config.optimizer.learning_rate
    return config.optimizer.learning_rate * clips_per_step(config) / reference


def batches_per_epoch(config, info) -> int:
    """Returns the whole batches of the training clips.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.
    """
    return info.num_clips(config.data.train_split) // config.data.batch_size
