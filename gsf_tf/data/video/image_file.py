"""Decoding of pictures, which are clips of one frame."""

import contextlib
import os
import struct
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from gsf_tf.data.video.video_file import MAX_PIXELS, DecodedFrame
from gsf_tf.errors import VideoError

IMAGE_EXTENSIONS = frozenset((".jpg", ".jpeg", ".png"))

# Datasets hold files whose extension is the other one's, as ImageNet does.
_FORMATS = ["JPEG", "PNG"]

# What EXIF's orientations ask a viewer for; 1 is upright.
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
    """Says whether a file is a picture by its extension."""
    return os.path.splitext(path)[1].lower() in IMAGE_EXTENSIONS


def check_image(path: str | os.PathLike) -> None:
    """Looks at the header of a picture.

    Raises:
        VideoError: When it is missing, no JPEG or PNG, or announces an absurd size.
    """
    with _open(path):
        pass


def iterate_image(
    path: str | os.PathLike,
    *,
    short_side: int | None = None,
    keep: Callable[[int], bool] = lambda index: True,
) -> Iterator[DecodedFrame]:
    """Decodes a picture as the only frame of a clip.

    FFmpeg is not used: it decodes JPEGs that are cut off without an error, and PyAV 18 fails at
    the EXIF tags of a camera.

    Args:
        path: JPEG or PNG file. Transparency is dropped, 16 bits per sample become 8.
        short_side: A picture whose shorter side is larger than this is scaled down to it, the
            aspect ratio kept. `None` never scales.
        keep: Says whether frame 0 is wanted.

    Yields:
        The upright `DecodedFrame`, at 0 seconds.

    Raises:
        VideoError: When the file cannot be decoded to its end.
    """
    with _open(path) as image:
        try:
            rgb = _eight_bits(_upright(image)).convert("RGB")
        except (OSError, SyntaxError, ValueError, struct.error) as error:
            raise VideoError(path, f"it is damaged ({error})") from error
    if keep(0):
        yield DecodedFrame(0, 0.0, np.asarray(scale_down(rgb, short_side)))


def scale_down(image: Image.Image, short_side: int | None) -> Image.Image:
    """Scales a picture whose shorter side is larger than `short_side` down to it."""
    shorter = min(image.size)
    if short_side is None or shorter <= short_side:
        return image
    size = [round(side * short_side / shorter) for side in image.size]
    return image.resize(size, Image.Resampling.BICUBIC)


@contextlib.contextmanager
def _open(path):
    try:
        image = Image.open(path, formats=_FORMATS)
    except FileNotFoundError as error:
        raise VideoError(path, "there is no such file") from error
    except (OSError, Image.DecompressionBombError) as error:
        raise VideoError(path, "it is no JPEG or PNG file") from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise VideoError(path, f"it announces {image.width}x{image.height} pixels")
        yield image


def _upright(image):
    turn = _TURNS.get(image.getexif().get(_ORIENTATION))
    return image if turn is None else image.transpose(turn)


def _eight_bits(image):
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
