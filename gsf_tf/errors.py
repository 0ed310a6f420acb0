"""The exceptions for mistakes that a user can correct."""

import difflib
import os

__all__ = ["CheckpointError", "DataError", "UserError", "VideoError"]


class UserError(Exception):
    """A mistake that the user can correct, in a path, a setting or a file.

    The message states the rule, the value that was received, and how to correct it. The programs
    print it without a traceback and end with status 1.
    """


class DataError(UserError, ValueError):
    """A folder, a list, a label map or records that cannot be used as they are."""


class CheckpointError(UserError, ValueError):
    """A checkpoint file that is damaged, unsafe, or does not fit the model; nothing was loaded."""


class VideoError(UserError, ValueError):
    """A video file that cannot be decoded to its end.

    Args:
        path: Path of the file.
        reason: Why it cannot be decoded, a phrase without a full stop.
        frames_decoded: Number of frames that were decoded before the failure.
    """

    def __init__(self, path: str | os.PathLike, reason: str, frames_decoded: int = 0):
        self.path = os.fspath(path)
        self.reason = reason
        self.frames_decoded = frames_decoded
        super().__init__(
            f"A video file must decode to its last frame. Received: path={self.path!r}: {reason} "
            f"({frames_decoded} frames decoded). Replace or re-encode the file, or leave it out."
        )

    def __reduce__(self):
        return type(self), (self.path, self.reason, self.frames_decoded)


def name_some(names, most=5):
    """Returns the first names with commas between them, and how many more there are.

    Args:
        names: List of texts.
        most: Largest number of names in the result.
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def did_you_mean(received, choices):
    """Returns " Did you mean 'a' or 'b'?" with the choices close to `received`, "" if none is."""
    near = difflib.get_close_matches(received, choices, n=3)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
