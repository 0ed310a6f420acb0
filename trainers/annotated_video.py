"""The video that `gsf-tf watch --annotate` writes: frames with the answers on them."""

import fractions
import os

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_TEXT_SHARE = 1 / 18  # Of the height of the picture.


class AnnotatedVideo:
    """An H.264 video in an mp4 file, to which frames are added one by one.

    It is written in fragments, so that a player can show what was written before a crash.

    Args:
        path: The file; it is overwritten.
        rate: Frames per second, above 0.
    """

    def __init__(self, path, rate):
        self._path, self._rate = path, fractions.Fraction(rate).limit_denominator(1000)
        self._container = self._stream = None
        self._first, self._end = 0, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()

    def begin(self):
        """Takes note of another video, whose ticks count from 0 again."""
        self._first = self._end

    def write(self, frame, top):
        """Adds a frame.

        Args:
            frame: `SampledFrame` with a picture.
            top: Pairs of a name and a probability.
        """
        if self._container is None:
            self._open(frame.picture)
        picture = Image.fromarray(frame.picture)
        if picture.size != (self._stream.width, self._stream.height):
            picture = picture.resize((self._stream.width, self._stream.height))
        _draw(picture, [f"{probability:4.0%} {name}" for name, probability in top])
        coded = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
        coded.pts, coded.time_base = self._first + frame.tick, 1 / self._rate
        self._end = coded.pts + 1
        self._container.mux(self._stream.encode(coded))

    def _open(self, picture):
        # After `file:` all is a name; without it, FFmpeg takes `12:30.mp4` for an address.
        self._container = av.open(
            f"file:{os.path.abspath(self._path)}",
            "w",
            format="mp4",
            container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
        )
        self._stream = self._container.add_stream("libx264", rate=self._rate)
        self._stream.time_base = 1 / self._rate
        self._stream.codec_context.time_base = 1 / self._rate
        height, width = picture.shape[:2]
        self._stream.height, self._stream.width = height // 2 * 2 or 2, width // 2 * 2 or 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "23", "preset": "veryfast"}


def _draw(picture, lines):
    font = ImageFont.load_default(max(8, picture.height * _TEXT_SHARE))
    draw = ImageDraw.Draw(picture)
    text = "\n".join(lines)
    edge = font.size // 3
    box = draw.multiline_textbbox((edge, edge), text, font)
    draw.rectangle((0, 0, box[2] + edge, box[3] + edge), fill="black")
    draw.multiline_text((edge, edge), text, "white", font)
