"""A file that can be read for a limited time."""

import io

from gsf_tf.data.video.clip_budget import ClipBudget


class TimedFile(io.FileIO):
    """An open file whose reads fail when the time for a clip is over.

    Pillow decodes a picture while it reads it, piece by piece, and looks for the parts of a damaged
    one byte by byte, so that reading is the place to stop it.

    Args:
        file: A file descriptor, which stays open.
        budget: The work that is left for the clip.
        frames_decoded: Number of frames before this one, for the message.
    """

    def __init__(self, file: int, budget: ClipBudget, frames_decoded: int = 0):
        super().__init__(file, closefd=False)
        self._budget = budget
        self._frames_decoded = frames_decoded

    def readinto(self, buffer) -> int | None:
        """Reads bytes into a buffer, as `io.FileIO.readinto`."""
        self._budget.check_time(self._frames_decoded)
        return super().readinto(buffer)
