"""Pictures of maps over the frames of a clip: a strip, and frames to animate."""

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image

# Height of a frame in inches, and the frame's width in gaps.
PANEL, GAPS = 1.25, 32


def overlay(
    frames: np.ndarray, maps: np.ndarray, *, signed: bool = False, opacity: float = 0.55
) -> np.ndarray:
    """Lays maps over the frames of a clip.

    Args:
        frames: uint8 `[T, H, W, 3]`, RGB.
        maps: `[T, h, w]`, scaled to the size of the frames. The largest value of all frames is the
            end of the colors, so the frames of a clip can be compared.
        signed: Whether zero is the middle of the colors (blue: negative, red: positive), and the
            largest magnitude their end. By default what is negative counts as zero, and the colors
            go from dark to bright.
        opacity: Share of the color where the map is strongest, in [0, 1]; elsewhere less.

    Returns:
        uint8 `[T, H, W, 3]`.

    Raises:
        ValueError: If the shapes do not agree.

    Reference:
        GSF paper, Figure 9.
    """
    frames, maps = np.asarray(frames), np.asarray(maps, np.float32)
    if frames.ndim != 4 or frames.shape[-1] != 3 or maps.shape[:1] != frames.shape[:1]:
        raise ValueError(
            "`frames` must be [T, H, W, 3] and `maps` [T, h, w] with the same T. Received: frames "
            f"of shape {frames.shape}, maps of shape {maps.shape}"
        )
    shown = maps if signed else np.maximum(maps, 0)
    strength = shown / max(np.abs(shown).max(initial=0), 1e-12)
    return np.stack([
        _blend(frame, _resized(each, frame.shape[:2]), signed, opacity)
        for frame, each in zip(frames, strength, strict=True)
    ])  # fmt: skip


def strip_figure(rows: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Draws clips as strips of frames, one below the other, with the first frame on the left.

    Args:
        rows: Dictionary from the title of a row to its frames, uint8 `[T, H, W, 3]`. All rows have
            the same number of frames.
        title: Title of the picture.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If there is no row, or the rows differ in their number of frames.

    Example:

    ```python
    maps = gsf_tf.analysis.class_activation(model, clips)
    frames = np.asarray(clips[0], "uint8")
    rows = {"frames": frames, "class activation": gsf_tf.analysis.overlay(frames, maps[0])}
    gsf_tf.analysis.strip_figure(rows).savefig("saliency.png")
    ```

    Reference:
        GSF paper, Figure 9.
    """
    lengths = {len(frames) for frames in rows.values()}
    if len(lengths) != 1:
        raise ValueError(
            "`rows` must have a row, and all of them the same number of frames. Received: "
            f"{ {name: len(frames) for name, frames in rows.items()} }"
        )
    (columns,) = lengths
    height, width = next(iter(rows.values())).shape[1:3]
    panel = PANEL * width / height
    figure = Figure(
        figsize=(max(5, panel * columns + 0.3), (PANEL + 0.28) * len(rows) + 0.4 * bool(title)),
        layout="constrained",
    )
    if title:
        figure.suptitle(title, fontsize="medium", parse_math=False)
    all_axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axes, (name, frames) in zip(all_axes, rows.items(), strict=True):
        # A single picture per row: drawing one for each frame takes several times as long.
        axes.imshow(_side_by_side(np.asarray(frames)))
        axes.set_title(name, fontsize="small", loc="left", parse_math=False)
        axes.set_axis_off()
    return figure


def _side_by_side(frames):
    """Returns frames `[T, H, W, 3]` from left to right, with gaps between them."""
    gap = max(1, frames.shape[2] // GAPS)
    padded = np.pad(frames, [(0, 0), (0, 0), (0, gap), (0, 0)], constant_values=255)
    return np.concatenate(list(padded), axis=1)[:, :-gap]


def _resized(values, size):
    image = Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))


def _blend(frame, strength, signed, opacity):
    if signed:
        color = colormaps["coolwarm"]((strength + 1) / 2)[..., :3]
    else:
        color = colormaps["inferno"](strength)[..., :3]
    share = (opacity * np.abs(strength))[..., None]
    # The rest of the frame is dimmed, so that the colors are seen on bright backgrounds too.
    mixed = (1 - share) * frame * (1 - opacity / 2) + share * 255 * color
    return np.clip(mixed.round(), 0, 255).astype(np.uint8)
