"""The shifts of a run's model at each of its checkpoints."""

import tensorflow as tf

from gsf_tf.analysis import shift_statistics
from gsf_tf.errors import UserError
from gsf_tf.files.literal_paths import plain_path
from gsf_tf.training.checkpoint_state import checkpoint_place
from gsf_tf.training.checkpoints import PREFIX, complete_checkpoints


def shift_history(run, network):
    """Returns the shifts at every checkpoint that is left, as they were trained, not averaged.

    Args:
        run: `Workdir` of the run.
        network: A model of the run for this purpose alone; its weights change.

    Returns:
        Dictionary from "epoch 3" to the result of `shift_statistics`, the oldest first. Checkpoints
        inside an epoch have its number of steps too.

    Raises:
        UserError: If a checkpoint is damaged or of another model.
    """
    history = {}
    for path in complete_checkpoints(run.checkpoints):
        _read(path, network)
        epoch, step = checkpoint_place(path.name)
        # A checkpoint is named after the epoch that begins, and has done the one before it.
        name = f"after epoch {epoch - 1}" if not step else f"epoch {epoch}, step {step}"
        history[name] = shift_statistics(network)
    return history


def _read(path, network):
    try:
        with plain_path(path) as folder:
            status = tf.train.Checkpoint(model=network).read(str(folder / PREFIX))
            # The rest, such as the optimizer's variables, is not read, and no warning says so.
            status.expect_partial()
            status.assert_existing_objects_matched()
    except (AssertionError, OSError, ValueError, tf.errors.OpError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            "The checkpoints of a run must be whole and of its model. "
            f"Received: {path} ({reason}). Remove it, or leave the part shifts out."
        ) from error
