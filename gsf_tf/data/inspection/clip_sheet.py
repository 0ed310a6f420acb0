"""Draws a picture with a row of frames for each of some clips."""

import dataclasses
import io
from collections.abc import Sequence

from PIL import Image, ImageDraw


@dataclasses.dataclass(frozen=True)
class SampledClip:
    """Some frames of a clip, with its name and class.

    Attributes:
        split: The clip's split.
        data_path: The clip's name.
        label: Name of the clip's class.
        num_frames: Number of frames in the clip.
        frames: JPEGs of some of its frames, evenly spaced.
    """

    split: str
    data_path: str
    label: str
    num_frames: int
    frames: list[bytes]


_HEIGHT = 96
_CAPTION = 16
_GAP = 4


def contact_sheet(clips: Sequence[SampledClip]) -> Image.Image:
    """Draws each clip's frames side by side, under a line with its split, class and name.

    Args:
        clips: At least one clip, such as those in `RecordsReport.sample`.

    Returns:
        An RGB image, which `image.save(path)` writes to a file.
    """
    rows = [[_thumbnail(frame) for frame in clip.frames] for clip in clips]
    width = max(sum(image.width + _GAP for image in row) for row in rows) + _GAP
    row_height = _CAPTION + _HEIGHT + _GAP
    sheet = Image.new("RGB", (max(width, 640), row_height * len(rows) + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (clip, row) in enumerate(zip(clips, rows, strict=True)):
        top, left = _GAP + number * row_height, _GAP
        frames = f"{clip.num_frames} frame{'s' * (clip.num_frames != 1)}"
        text = f"{clip.split}   {clip.label}   {clip.data_path}   {frames}"
        # In one line, whatever is in a name.
        draw.text((left, top), "".join(c if c.isprintable() else "?" for c in text), "black")
        for image in row:
            sheet.paste(image, (left, top + _CAPTION))
            left += image.width + _GAP
    return sheet


def _thumbnail(frame):
    image = Image.open(io.BytesIO(frame))
    return image.resize((max(1, round(image.width * _HEIGHT / image.height)), _HEIGHT))
