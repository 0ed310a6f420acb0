"""Clips that are stored as a folder of numbered JPEG files."""

import os
import re
from collections.abc import Callable, Iterator

import numpy as np

from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_errors import clip_errors, describe
from gsf_tf.data.video.image_file import read_picture, scale_down
from gsf_tf.data.video.number_gaps import number_gaps
from gsf_tf.data.video.video_file import DecodedFrame
from gsf_tf.errors import VideoError

# Records store the number of the first frame in 64 bits.
_MAX_NUMBER = 2**63 - 1

FRAME_NAME = re.compile(r"(\d+)\.jpe?g", re.IGNORECASE)


class FrameFolder:
    """The frames `00001.jpg`, `00002.jpg`, ... of one clip.

    The numbers may begin at 0 or 1 and have no gap; other files are ignored.

    Args:
        path: The folder.
        frame_rate: Frames per second, which the files do not state; 0 if unknown.
        part: Number of the first frame and number of frames, if the clip is a part of the folder.
            Frames outside of it are ignored.

    Attributes:
        index_base: Number of the first frame, 0 or 1, or that of the part.

    Raises:
        VideoError: If the folder does not exist or cannot be read, holds no frame, or lacks one of
            the numbers.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        frame_rate: float = 0.0,
        part: tuple[int, int] | None = None,
    ):
        self.path = os.fspath(path)
        self.frame_rate = frame_rate
        if not os.path.isdir(path):
            raise VideoError(path, "the folder of frames does not exist")
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            raise VideoError(path, f"the folder cannot be read ({describe(error)})") from error
        numbered = {}
        for name in names:
            match = FRAME_NAME.fullmatch(name)
            if match and numbered.setdefault(int(match[1]), name) != name:
                reason = f"frame {int(match[1])} has two files, `{numbered[int(match[1])]}` and "
                raise VideoError(path, f"{reason}`{name}`")
        if not numbered:
            raise VideoError(path, "the folder holds no frame (00001.jpg, 00002.jpg, ...)")
        self.index_base = 0 if 0 in numbered else 1
        last = max(numbered)
        # Times of a part count from the start of the folder, as those of a part of a video.
        self._before = 0
        if part is not None:
            self._before = part[0] - self.index_base
            self.index_base, last = part[0], part[0] + part[1] - 1
            if last > _MAX_NUMBER:
                raise VideoError(path, "numbers of frames must be below 2**63")
            numbered = {n: name for n, name in numbered.items() if self.index_base <= n <= last}
        missing, first_ones = number_gaps(numbered, self.index_base, last, 5)
        if missing:
            numbers = ", ".join(map(str, first_ones)) + (", ..." if missing > 5 else "")
            reason = f"{missing} of the frames {self.index_base}..{last} are missing: {numbers}"
            raise VideoError(path, reason)
        self._names = [numbered[number] for number in sorted(numbered)]

    def __len__(self) -> int:
        return len(self._names)

    def iterate_frames(
        self,
        *,
        short_side: int | None = None,
        keep: Callable[[int], bool] = lambda index: True,
        budget: ClipBudget | None = None,
    ) -> Iterator[DecodedFrame]:
        """Decodes the frames in order and yields those that `keep` chooses.

        Args:
            short_side: Frames whose shorter side is larger than this are scaled down to it,
                the aspect ratio kept. `None` never scales.
            keep: A function from a frame's position, counted from 0, to whether it is yielded.
            budget: As in `video_file.iterate_frames`.

        Yields:
            Upright `DecodedFrame`s: the orientation in EXIF tags is applied, as in single images.

        Raises:
            VideoError: If a frame is not a readable JPEG, or differs in size from the first.
        """
        budget, size = budget or ClipBudget(self.path), None
        for index, name in enumerate(self._names):
            # Frames that are not kept are read too, so that damage is found whatever is kept.
            rgb = self._read(name, index, budget)
            size = size or rgb.size
            if rgb.size != size:
                reason = f"`{name}` is {rgb.width}x{rgb.height}, the frames before it are "
                raise VideoError(self.path, f"{reason}{size[0]}x{size[1]}", index)
            if keep(index):
                seconds = None
                if self.frame_rate:
                    seconds = (self._before + index) / self.frame_rate
                with clip_errors(self.path, index):
                    pixels = np.asarray(scale_down(rgb, short_side))
                yield DecodedFrame(index, seconds, pixels)

    def _read(self, name, index, budget):
        path = os.path.join(self.path, os.fsencode(name) if isinstance(self.path, bytes) else name)
        try:
            return read_picture(path, ["JPEG"], budget, index)
        except VideoError as error:
            if error.path == self.path:
                raise
            is_about_it = error.reason.startswith("it ")
            reason = error.reason.removeprefix("it ") if is_about_it else f"({error.reason})"
            raise VideoError(self.path, f"`{name}` {reason}", index) from error
