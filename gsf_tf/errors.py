"""What a user can put right, as exceptions, and help in wording their messages."""

import difflib
import os


class UserError(Exception):
    """Something the user can put right: a path, a setting, a file.

    The message is written for the user: it states the rule, what was received, and what to
    do. The command gsf-tf prints it without a traceback and ends with status 1.
    """


class DataError(UserError, ValueError):
    """Folders, lists, label maps or records that cannot be used as they are."""


class CheckpointError(UserError, ValueError):
    """A checkpoint file that is damaged, unsafe, or does not fit; nothing was loaded."""


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


def did_you_mean(received, choices):
    """Returns " Did you mean 'a' or 'b'?" for the choices near `received`, "" if none is."""
    near = difflib.get_close_matches(received, choices, n=3)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
