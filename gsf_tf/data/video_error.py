"""A video file that cannot be decoded."""

import os

from gsf_tf.errors import UserError


class VideoError(UserError, ValueError):
    """A video file that cannot be decoded to its end.

    Args:
        path: The file.
        reason: What is wrong with it, a phrase without a full stop.
        frames_decoded: How many frames came out before the failure.
    """

    def __init__(self, path: str | os.PathLike, reason: str, frames_decoded: int = 0):
        self.path = os.fspath(path)
        self.reason = reason
        self.frames_decoded = frames_decoded
        super().__init__(
            f"A video file must decode to its last frame. Received `{self.path}`: {reason} "
            f"({frames_decoded} frames decoded). Replace or re-encode the file, or leave it out."
        )

    def __reduce__(self):
        return type(self), (self.path, self.reason, self.frames_decoded)
