"""How a client makes a clip from a video: the content of `preprocessing.json`."""

import dataclasses

import keras


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
        """Returns the content of `preprocessing.json` for a model."""
        _, num_segments, height, width, _ = model.input_shape
        if self.sampling == "segments":
            frame = {"segment_frame": "int(frames / num_segments * (i + 1 / 2))"}
        else:
            frame = {
                "frame_stride": self.frame_stride,
                "window": "frame_stride * num_segments; 64 where frame_stride is null",
                "stride": "frame_stride; max(64 // num_segments, 1) where it is null",
                "dense_frame": "(max(frames - window, 0) // 2 + i * stride) % frames",
            }
        return {
            "short_side": self.short_side,
            "num_segments": num_segments,
            "sampling": self.sampling,
            **frame,
            "crop": "center, 224 / 256 of the short side",
            "image_size": [height, width],
            "channels": "RGB, 0..255",
        }
