from gsf_tf.errors import UserError


class CheckpointError(UserError, ValueError):
    """A checkpoint file that is damaged, unsafe, or does not fit; nothing was loaded."""
