"""Pictures of the gates of GSF and GSM, like Figure 8 of the GSF paper, and of GSF's fusion."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gsf_tf.analysis.evenly_spaced import evenly_spaced
from gsf_tf.analysis.gate_statistics import GateStatistics

COLORS = ("C0", "C1")
COLUMNS = 4


def gate_figure(statistics: Sequence[GateStatistics]) -> Figure:
    """Draws a histogram of the gates of each layer, with a curve for each half of the channels.

    The first layer is at the top left. The vertical axis is logarithmic, because most gates of a
    trained network lie in few bins. The titles name the layer; below stands the share of saturated
    gates of either half.

    Args:
        statistics: Result of `gate_statistics`.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If there is no layer.

    Example:

    ```python
    statistics = gsf_tf.analysis.gate_statistics(model, batches)
    gsf_tf.analysis.gate_figure(statistics).savefig("gates.png")
    ```

    Reference:
        GSF paper, Figure 8.
    """
    if not statistics:
        raise ValueError("`statistics` must have a layer. Received: none")
    columns = min(COLUMNS, len(statistics))
    rows = math.ceil(len(statistics) / columns)
    # A single panel is wider, so that the legend has room.
    figure = Figure(figsize=(max(5, 3.1 * columns), 0.7 + 2.5 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(statistics) :]:
        axes.set_axis_off()
    for axes, layer in zip(grid.flat, statistics, strict=False):
        titles = half_titles(layer.causal)
        for shares, color, label in zip(layer.shares, COLORS, titles, strict=True):
            axes.stairs(shares, layer.edges, fill=True, alpha=0.45, color=color, label=label)
        axes.set(yscale="log", xlim=(-1, 1), ylim=(1e-5, 1.5))
        axes.set_title(layer.name, fontsize="small", parse_math=False)
        first, second = layer.saturated
        axes.set_xlabel(f"Gate; saturated: {first:.1%}, {second:.1%}", fontsize="small")
        axes.grid(alpha=0.3)
    for axes in grid[:, 0]:
        axes.set_ylabel("Share of the gates")
    handles = {}
    for axes in grid.flat[: len(statistics)]:
        handles |= {handle.get_label(): handle for handle in axes.patches}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=2)
    return figure


def fusion_figure(
    weights: Mapping[str, np.ndarray], title: str = "", *, causal: bool = False
) -> Figure:
    """Draws the fusion weights of layers for a clip: a row per channel, a column per frame.

    Bright is F near 1, where the output is the shifted features; dark is F near 0, where it is
    those of the frame itself. Of more than four layers, the first, the last and evenly spaced ones
    between them are drawn. The channels of a half are sorted by their mean.

    Args:
        weights: Dictionary from the name of a layer to its weights `[T, 2, P / 2]` in 0..1, such as
            one clip of `fusion_model`'s result.
        title: Title of the picture.
        causal: Whether the layers are causal: then both halves read the previous frame.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If there is no layer.

    Reference:
        GSF paper, equations (7)-(10).
    """
    if not weights:
        raise ValueError("`weights` must have a layer. Received: none")
    names = evenly_spaced(list(weights), COLUMNS)
    figure = Figure(figsize=(2.6 + 2.3 * len(names), 4.6), layout="constrained")
    figure.suptitle(title, fontsize="medium", parse_math=False)
    grid = figure.subplots(2, len(names), squeeze=False)
    for column, name in enumerate(names):
        values = np.asarray(weights[name])
        grid[0, column].set_title(name, fontsize="small", parse_math=False)
        grid[1, column].set_xlabel("Frame")
        for half, axes in enumerate(grid[:, column]):
            order = np.argsort(-values[:, half].mean(axis=0), kind="stable")
            rows = values[:, half, order].T
            image = axes.imshow(rows, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
            axes.set(xticks=range(len(values)), yticks=[])
    for half, axes in zip(half_titles(causal), grid[:, 0], strict=True):
        axes.set_ylabel(f"Channels, {half}", fontsize="small")
    figure.colorbar(image, ax=grid.ravel().tolist(), label="Fusion weight F", shrink=0.8)
    return figure


def half_titles(causal):
    """Returns what the two halves of the channels read, in words that differ."""
    if causal:
        return ("first half, reads the previous frame", "second half, reads the previous frame")
    return ("reads the next frame", "reads the previous frame")
