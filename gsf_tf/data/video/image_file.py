"""Decodes images, each of which is a clip of one frame."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_errors import clip_errors
from gsf_tf.data.video.clip_file import open_clip_file
from gsf_tf.data.video.timed_file import TimedFile
from gsf_tf.data.video.video_file import DecodedFrame
from gsf_tf.data.video.video_stream import MAX_PIXELS
from gsf_tf.errors import VideoError

IMAGE_EXTENSIONS = frozenset((".jpg", ".jpeg", ".png"))

# Both formats are tried whatever the extension: ImageNet, for one, has PNG files named .JPEG.
_FORMATS = ["JPEG", "PNG"]

# The transposition that makes a picture with an EXIF orientation upright; 1 is upright already.
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def is_image(path: str | os.PathLike) -> bool:
    """Returns whether the extension of a file is that of an image."""
    return os.path.splitext(path)[1].lower() in IMAGE_EXTENSIONS


def check_image(path: str | os.PathLike) -> None:
    """Checks the header of an image.

    Raises:
        VideoError: If the file is missing, is neither JPEG nor PNG, or announces an absurd size.
    """
    with _open(path, _FORMATS, ClipBudget(path)):
        pass


def iterate_image(
    path: str | os.PathLike,
    *,
    short_side: int | None = None,
    keep: Callable[[int], bool] = lambda index: True,
    budget: ClipBudget | None = None,
) -> Iterator[DecodedFrame]:
    """Decodes an image as the only frame of a clip.

    Pillow decodes it and not FFmpeg, which decodes truncated JPEGs without an error, and whose
    Python binding PyAV 18 fails at the EXIF tags of cameras.

    Args:
        path: JPEG or PNG file. Transparency is dropped, and 16 bits per sample become 8.
        short_side: An image whose shorter side is larger than this is scaled down to it, the
            aspect ratio kept. `None` never scales.
        keep: A function from the position 0 to whether the frame is yielded.
        budget: As in `video_file.iterate_frames`.

    Yields:
        The upright `DecodedFrame`, at 0 seconds.

    Raises:
        VideoError: If the file cannot be decoded to its end.
    """
    rgb = read_picture(path, _FORMATS, budget or ClipBudget(path))
    with clip_errors(path):
        pixels = np.asarray(scale_down(rgb, short_side))
    if keep(0):
        yield DecodedFrame(0, 0.0, pixels)


def read_picture(
    path: str | os.PathLike, formats: Sequence[str], budget: ClipBudget, frames_decoded: int = 0
) -> Image.Image:
    """Decodes a picture.

    Args:
        path: The file.
        formats: Pillow's names of the formats that it may have.
        budget: The work that is left for the clip.
        frames_decoded: Number of frames of the clip before this one, for messages.

    Returns:
        The upright picture, RGB with 8 bits.

    Raises:
        VideoError: If the file cannot be decoded to its end within the limits.
    """
    with (
        _open(path, formats, budget, frames_decoded) as image,
        clip_errors(path, what="it is damaged"),
    ):
        budget.count_frame(*image.size, frames_decoded)
        return _eight_bits(upright(image)).convert("RGB")


def upright(image: Image.Image) -> Image.Image:
    """Returns the image, turned and mirrored as the orientation in its EXIF tags asks."""
    turn = _TURNS.get(image.getexif().get(_ORIENTATION))
    return image if turn is None else image.transpose(turn)


def scale_down(image: Image.Image, short_side: int | None) -> Image.Image:
    """Returns the image, scaled down if its shorter side is larger than `short_side`."""
    shorter = min(image.size)
    if short_side is None or shorter <= short_side:
        return image
    size = [round(side * short_side / shorter) for side in image.size]
    return image.resize(size, Image.Resampling.BICUBIC)


@contextlib.contextmanager
def _open(path, formats, budget, frames_decoded=0):
    """Opens a picture and checks its header; the value is the image, not decoded yet."""
    with open_clip_file(path) as file:
        data = io.BufferedReader(TimedFile(file, budget, frames_decoded))
        try:
            image = Image.open(data, formats=formats)
        except VideoError:
            raise
        except Exception as error:
            either = "neither a JPEG nor a PNG" if len(formats) > 1 else f"not a {formats[0]}"
            raise VideoError(path, f"it is {either} file") from error
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise VideoError(path, f"it announces {image.width}x{image.height} pixels")
            yield image


def _eight_bits(image):
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
