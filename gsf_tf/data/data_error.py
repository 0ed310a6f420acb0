"""Data on disk that breaks a stated rule."""

from gsf_tf.errors import UserError


class DataError(UserError, ValueError):
    """Folders, lists, label maps or records that cannot be used as they are."""
