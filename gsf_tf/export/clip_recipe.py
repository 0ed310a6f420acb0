"""How a client makes a clip from a video: the content of `preprocessing.json`."""

import dataclasses

import keras

# FFmpeg's names of the flags in gsf_tf/data/video/video_file.py.
SCALER_FLAGS = "bicubic+accurate_rnd+full_chroma_int+bitexact"
_SEGMENT_FRAME = "int(frames / num_segments * i + frames / num_segments / 2)"
_DENSE_FRAME = "(max(frames - window, 0) // 2 + i * stride) % frames"


@dataclasses.dataclass(frozen=True)
class ClipRecipe:
    """What the model's training says about clips, beside the shape of the model's input.

    Attributes:
        short_side: Pixels to which the short side of larger videos is scaled first, as that of the
            training records.
        sampling: The sampling of frames in the model's training, `"segments"` or `"dense"`.
        frame_stride: Distance of the frames of dense clips, in frames of the video.
    """

    short_side: int = 256
    sampling: str = "segments"
    frame_stride: int | None = None

    def describe(self, model: keras.Model) -> dict:
        """Returns the content of `preprocessing.json` for a model: numbers, and `steps` in words.

        The formulas are Python; the words name their variables.
        """
        _, num_segments, height, width, _ = model.input_shape
        if self.sampling == "segments":
            frame = {"segment_frame": _SEGMENT_FRAME}
        else:
            frame = {
                "frame_stride": self.frame_stride,
                "window": "frame_stride * num_segments; 64 where frame_stride is null",
                "stride": "frame_stride; max(64 // num_segments, 1) where it is null",
                "dense_frame": _DENSE_FRAME,
            }
        return {
            "short_side": self.short_side,
            "num_segments": num_segments,
            "sampling": self.sampling,
            **frame,
            **describe_crop(height, width),
            "steps": self._steps(num_segments, height, width),
        }

    def _steps(self, num_segments, height, width):
        formula = _SEGMENT_FRAME
        if self.sampling == "dense":
            stride = self.frame_stride or max(64 // num_segments, 1)
            window = self.frame_stride * num_segments if self.frame_stride else 64
            formula = f"{_DENSE_FRAME} with window = {window} and stride = {stride}"
        return [
            "Decode all frames of the video in the order in which they are shown. frames is their "
            "number; it is counted, because the number in the file's header may be wrong.",
            f"For each i from 0 to {num_segments - 1}, take the frame at the position {formula}, "
            "counted from 0.",
            *frame_steps(self.short_side, height, width),
            f"The clip is uint8 [1, {num_segments}, {height}, {width}, 3]: RGB, 0 to 255. Do not "
            "normalize the pixels; the model does.",
        ]


def describe_crop(height: int, width: int) -> dict:
    """Returns the numbers of `frame_steps`, for a file in JSON."""
    side = min(height, width)
    return {
        "scaler_flags": SCALER_FLAGS,
        "crop": "center",
        "crop_share": side / (side * 256 // 224),
        "image_size": [height, width],
        "channels": "RGB, 0..255",
    }


def frame_steps(short_side: int, height: int, width: int) -> list[str]:
    """Returns in words how a decoded frame gets the size of the model's input."""
    return [
        f"If the shorter side of a frame has more than {short_side} pixels, scale the "
        f"frame: the shorter side to {short_side}, the other one in proportion, rounded, "
        "bicubic. Smaller frames stay as they are. FFmpeg's scaler does this, with the flags "
        "that scaler_flags names, and makes RGB of the frame's colors in the same call.",
        "Turn the frame as the file says (its display matrix, in quarter turns). rows and "
        "columns are its size now.",
        f"Find the largest box of the input's shape in it: h = min(rows, columns * {height} // "
        f"{width}), w = min(columns, rows * {width} // {height}).",
        "Cut crop_share of the box out of the center: box_h = round(h * crop_share), box_w = "
        "round(w * crop_share), top = (rows - box_h) // 2, left = (columns - box_w) // 2; "
        "round takes the even number where two are equally near.",
        f"Scale the crop to {height} rows and {width} columns, bilinear with antialiasing "
        "(Pillow's BILINEAR).",
    ]
