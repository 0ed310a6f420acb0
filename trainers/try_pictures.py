"""Frames as pictures and as a video inside of an answer of `gsf-tf try`."""

import base64
import io
import pathlib
import tempfile

import numpy as np
from PIL import Image

from gsf_tf.analysis import write_animation

# Frames of smaller models are enlarged by a whole number, up to this height in pixels.
HEIGHT = 192
QUALITY = 88


def enlarged(frames):
    """Returns frames uint8 `[T, H, W, 3]` in which each pixel is a square of pixels."""
    times = max(1, HEIGHT // frames.shape[1])
    return frames.repeat(times, axis=1).repeat(times, axis=2)


def pictures(frames):
    """Returns each of the frames uint8 `[T, H, W, 3]` as the address of a JPEG."""
    return [_data_url("image/jpeg", _jpeg(frame)) for frame in frames]


def moving_picture(frames):
    """Returns frames uint8 `[T, H, W, 3]` as the address of an H.264 video."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "frames.mp4"
        write_animation(path, frames)
        return _data_url("video/mp4", path.read_bytes())


def _jpeg(frame):
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _data_url(kind, data):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
