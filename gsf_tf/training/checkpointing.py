"""Checkpoints of all that a run needs to continue."""

import tensorflow as tf

from gsf_tf.errors import UserError


def checkpoint_manager(model, optimizer, directory, max_to_keep=2):
    """Returns a manager of checkpoints of the model, its optimizer and random states.

    Args:
        model: Built Keras model.
        optimizer: Keras optimizer, already built on the model's variables.
        directory: Where the checkpoints go.
        max_to_keep: Older ones are deleted.

    Returns:
        `(manager, epoch)`: a `tf.train.CheckpointManager` and the `tf.Variable` with the number
        of finished epochs, which is saved with it.
    """
    epoch = tf.Variable(0, dtype=tf.int64, trainable=False, name="epoch")
    weights = {id(weight) for weight in model.weights}
    random_states = [v.value for v in model.variables if id(v) not in weights]
    checkpoint = tf.train.Checkpoint(
        model=model, optimizer=optimizer, random_states=random_states, epoch=epoch
    )
    manager = tf.train.CheckpointManager(checkpoint, str(directory), max_to_keep=max_to_keep)
    return manager, epoch


def restore_latest(manager):
    """Restores the newest checkpoint and returns its path, or None if there is none.

    Raises:
        UserError: If it was not written by this model and optimizer.
    """
    path = manager.latest_checkpoint
    if path is None:
        return None
    try:
        status = manager.checkpoint.restore(path)
        status.assert_existing_objects_matched()
        status.assert_consumed()
    except (AssertionError, ValueError, IndexError, tf.errors.OpError) as error:
        reason = (str(error).strip().splitlines() or ["it is unreadable"])[0]
        raise UserError(
            "A checkpoint continues the model and optimizer it was written by. "
            f"Received: {path}, which does not fit: {reason} Train in another --workdir, or with "
            "the configuration this one began with."
        ) from error
    return path
