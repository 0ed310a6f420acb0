"""Clips that are stored as a folder of numbered JPEG files."""

import os
import pathlib
import re
import struct
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from gsf_tf.data.video.image_file import scale_down, upright
from gsf_tf.data.video.video_file import DecodedFrame
from gsf_tf.data.video.video_stream import MAX_PIXELS
from gsf_tf.errors import VideoError

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
        VideoError: If the folder does not exist, holds no frame, or lacks one of the numbers.
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
        numbered = {}
        for name in sorted(os.listdir(path)):
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
            numbered = {n: name for n, name in numbered.items() if self.index_base <= n <= last}
        missing = [n for n in range(self.index_base, last + 1) if n not in numbered]
        if missing:
            numbers = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            reason = (
                f"{len(missing)} of the frames {self.index_base}..{last} are missing: {numbers}"
            )
            raise VideoError(path, reason)
        self._names = [numbered[number] for number in sorted(numbered)]

    def __len__(self) -> int:
        return len(self._names)

    def iterate_frames(
        self, *, short_side: int | None = None, keep: Callable[[int], bool] = lambda index: True
    ) -> Iterator[DecodedFrame]:
        """Decodes the frames in order and yields those that `keep` chooses.

        Args:
            short_side: Frames whose shorter side is larger than this are scaled down to it,
                the aspect ratio kept. `None` never scales.
            keep: A function from a frame's position, counted from 0, to whether it is yielded.

        Yields:
            Upright `DecodedFrame`s: the orientation in EXIF tags is applied, as in single images.

        Raises:
            VideoError: If a frame is not a readable JPEG, or differs in size from the first.
        """
        size = None
        for index, name in enumerate(self._names):
            with self._open(name, index) as image:
                # Frames that are not kept are read too, so that damage is found whatever is kept.
                rgb = self._read(image, name, index)
            size = size or rgb.size
            if rgb.size != size:
                reason = f"`{name}` is {rgb.width}x{rgb.height}, the frames before it are "
                raise VideoError(self.path, f"{reason}{size[0]}x{size[1]}", index)
            if keep(index):
                seconds = None
                if self.frame_rate:
                    seconds = (self._before + index) / self.frame_rate
                yield DecodedFrame(index, seconds, np.asarray(scale_down(rgb, short_side)))

    def _open(self, name, index):
        try:
            image = Image.open(pathlib.Path(self.path, name), formats=["JPEG"])
        except (OSError, Image.DecompressionBombError) as error:
            raise VideoError(self.path, f"`{name}` is not a JPEG file", index) from error
        if image.width * image.height > MAX_PIXELS:
            image.close()
            reason = f"`{name}` announces {image.width}x{image.height} pixels"
            raise VideoError(self.path, reason, index)
        return image

    def _read(self, image, name, index):
        try:
            return upright(image).convert("RGB")
        except (OSError, SyntaxError, ValueError, struct.error) as error:
            raise VideoError(self.path, f"`{name}` is damaged ({error})", index) from error
