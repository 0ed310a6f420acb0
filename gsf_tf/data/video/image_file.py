"""Decodes images, each of which is a clip of one frame."""

import contextlib
import os
import struct
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

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
    with _open(path):
        pass


def iterate_image(
    path: str | os.PathLike,
    *,
    short_side: int | None = None,
    keep: Callable[[int], bool] = lambda index: True,
) -> Iterator[DecodedFrame]:
    """Decodes an image as the only frame of a clip.

    Pillow decodes it and not FFmpeg, which decodes truncated JPEGs without an error, and whose
    Python binding PyAV 18 fails at the EXIF tags of cameras.

    Args:
        path: JPEG or PNG file. Transparency is dropped, and 16 bits per sample become 8.
        short_side: An image whose shorter side is larger than this is scaled down to it, the
            aspect ratio kept. `None` never scales.
        keep: A function from the position 0 to whether the frame is yielded.

    Yields:
        The upright `DecodedFrame`, at 0 seconds.

    Raises:
        VideoError: If the file cannot be decoded to its end.
    """
    with _open(path) as image:
        try:
            rgb = _eight_bits(upright(image)).convert("RGB")
        except (OSError, SyntaxError, ValueError, struct.error) as error:
            raise VideoError(path, f"it is damaged ({error})") from error
    if keep(0):
        yield DecodedFrame(0, 0.0, np.asarray(scale_down(rgb, short_side)))


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
def _open(path):
    try:
        image = Image.open(path, formats=_FORMATS)
    except FileNotFoundError as error:
        raise VideoError(path, "the file does not exist") from error
    except (OSError, Image.DecompressionBombError) as error:
        raise VideoError(path, "it is neither a JPEG nor a PNG file") from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise VideoError(path, f"it announces {image.width}x{image.height} pixels")
        yield image


def _eight_bits(image):
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
