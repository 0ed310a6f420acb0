"""Pictures of the shifts of a RubiksNet, like Figures 5 and 6 of the paper."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gsf_tf.analysis.evenly_spaced import evenly_spaced
from gsf_tf.analysis.shift_statistics import ShiftStatistics
from gsf_tf.ops.reference.rubiks_shift import quantize

INTEGER_SHIFTS = (-1, 0, 1)
# Shares of the channels that TSM shifts by -1, 0 and 1 frames in every layer.
TSM_SHARES = (1 / 8, 3 / 4, 1 / 8)
AXIS_TITLES = {"T": "Time, frames", "H": "Vertical, elements", "W": "Horizontal, elements"}
BIN_WIDTH = 0.25
GROUP_WIDTH = 0.84


def attention_figure(statistics: Sequence[ShiftStatistics]) -> Figure:
    """Draws the shares of channels that each layer reads from the previous, same and next frame.

    Each of the shifts -1, 0 and 1 has a group of bars, with one bar per layer and the first layer
    on the left. Black marks show the shares of TSM in every layer: 1/8, 3/4 and 1/8. Before
    attention is annealed, a share is the mean attention of the channels.

    Args:
        statistics: Result of `shift_statistics` for a model whose temporal layers shift in time
            only: `AttentionShift` or `IntegerShift`. Other layers are ignored.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If no layer shifts in time only.

    Example:

    ```python
    statistics = gsf_tf.analysis.shift_statistics(model)
    gsf_tf.analysis.attention_figure(statistics).savefig("attention.png")
    ```

    Reference:
        RubiksNet paper, Figure 5.
    """
    layers = [layer for layer in statistics if layer.axes == ("T",)]
    if not layers:
        raise ValueError(
            "`statistics` must hold layers that shift in time only, such as AttentionShift. "
            f"Received: {_kinds(statistics)}. Use a rubiksnet_*_aq preset with more than one "
            "frame, or draw `shift_histogram_figure`."
        )
    columns = -(-len(layers) // 20)
    figure = Figure(figsize=(5.5 + 2 * columns, 4), layout="constrained")
    axes = figure.subplots()
    width = GROUP_WIDTH / len(layers)
    line = axes.hlines(
        TSM_SHARES,
        np.array(INTEGER_SHIFTS) - GROUP_WIDTH / 2,
        np.array(INTEGER_SHIFTS) + GROUP_WIDTH / 2,
        colors="black",
    )
    bars = {
        layer.name: axes.bar(
            np.array(INTEGER_SHIFTS) + (index + 0.5) * width - GROUP_WIDTH / 2,
            _integer_shares(layer),
            width,
            color=_color(index, len(layers)),
        )
        for index, layer in enumerate(layers)
    }
    drawn = {"TSM": line, **bars}
    axes.set_xticks(INTEGER_SHIFTS, ["-1", "0", "+1"])
    axes.set(xlabel="Shift in time, frames", ylabel="Share of the channels", ylim=(0, 1))
    legend = figure.legend(
        list(drawn.values()),
        list(map(str, range(len(drawn)))),
        loc="outside right upper",
        fontsize="x-small",
        ncols=columns,
    )
    # Names are no formulas, and a legend would leave out those that begin with `_`.
    for text, name in zip(legend.get_texts(), drawn, strict=True):
        text.set(text=name, parse_math=False)
    return figure


def shift_histogram_figure(
    statistics: Sequence[ShiftStatistics], columns: int = 4, reach: float | None = None
) -> Figure:
    """Draws histograms of the shifts in time, height and width for layers of different depth.

    The picture has a row per axis and a column per layer, with the first layer on the left. Bars
    show shares of the layer's channels. In a model with attention, the shifts in time and those in
    space belong to different layers.

    Args:
        statistics: Result of `shift_statistics`.
        columns: Integer >= 1. Largest number of layers that are drawn. Of more layers, the first,
            the last and evenly spaced ones between them are drawn.
        reach: Largest magnitude of a shift that the axes show; by default that of the shifts.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If there are no layers or no columns.

    Example:

    ```python
    statistics = gsf_tf.analysis.shift_statistics(model)
    gsf_tf.analysis.shift_histogram_figure(statistics).savefig("shifts.png")
    ```

    Reference:
        RubiksNet paper, Figure 6.
    """
    if not statistics or int(columns) != columns or columns < 1:
        raise ValueError(
            "`statistics` must have a layer and `columns` must be an integer >= 1. "
            f"Received: {len(statistics)} layers, columns={columns!r}"
        )
    rows = {
        axis: evenly_spaced([layer for layer in statistics if axis in layer.axes], int(columns))
        for axis in AXIS_TITLES
    }
    rows = {axis: layers for axis, layers in rows.items() if layers}
    drawn = max(map(len, rows.values()))
    figure = Figure(figsize=(1.5 + 2.6 * drawn, 0.8 + 2.2 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), drawn, sharey=True, squeeze=False)
    for (axis, layers), row in zip(rows.items(), grid, strict=True):
        shifts = [layer.shifts[layer.axes.index(axis)] for layer in layers]
        edges = _edges(max([reach or 0, *(np.abs(shift).max() for shift in shifts)]))
        for index, (axes, layer, shift) in enumerate(zip(row, layers, shifts, strict=False)):
            axes.hist(
                shift,
                edges,
                weights=np.full(len(shift), 1 / len(shift)),
                color=_color(index, len(layers)),
            )
            axes.axvline(0, color="black", linewidth=0.5)
            axes.set_title(layer.name, fontsize="small", parse_math=False)
            axes.set_xlabel(AXIS_TITLES[axis])
        for axes in row[len(layers) :]:
            axes.set_axis_off()
        row[0].set_ylabel("Share of the channels")
    return figure


def shift_animation(
    history: Mapping[str, Sequence[ShiftStatistics]], columns: int = 4
) -> np.ndarray:
    """Draws how the shifts of a model change, a picture of `shift_histogram_figure` per moment.

    All pictures have the same axes. Above each stands its name and the share of the channels that
    read another frame.

    Args:
        history: Dictionary from the name of a moment, such as `"epoch 3"`, to the statistics of the
            model then. At least one; all of the same layers.
        columns: As in `shift_histogram_figure`.

    Returns:
        uint8 `[moments, H, W, 3]`, for `write_animation`.

    Raises:
        ValueError: If there is no moment, or no layers or columns.

    Example:

    ```python
    history = {f"epoch {n}": gsf_tf.analysis.shift_statistics(m) for n, m in enumerate(models)}
    frames = gsf_tf.analysis.shift_animation(history)
    gsf_tf.analysis.write_animation("shifts.gif", frames, frame_rate=2)
    ```

    Reference:
        RubiksNet paper, Figure 6.
    """
    if not history:
        raise ValueError("`history` must have a moment. Received: none")
    layers = [layer for statistics in history.values() for layer in statistics]
    reach = max((float(np.abs(layer.shifts).max()) for layer in layers), default=0.0)
    figures = {
        name: shift_histogram_figure(statistics, columns, reach)
        for name, statistics in history.items()
    }
    # The axes of a row are shared, so setting one sets all.
    top = max(axes.get_ylim()[1] for figure in figures.values() for axes in figure.axes)
    pictures = []
    for (name, statistics), figure in zip(history.items(), figures.values(), strict=True):
        for axes in figure.axes:
            axes.set_ylim(0, top)
        moving = [1 - layer.zero_share[0] for layer in statistics if layer.axes[0] == "T"]
        share = f", {np.mean(moving):.0%} of the channels move in time" if moving else ""
        figure.suptitle(f"{name}{share}", parse_math=False)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return np.stack(pictures)


def _integer_shares(layer):
    if layer.distribution is not None:
        return layer.distribution.mean(axis=1)
    shifts = np.array(quantize(layer.shifts[0]))
    return np.array([np.mean(shifts == shift) for shift in INTEGER_SHIFTS])


def _edges(reach):
    """Returns edges of bins that contain -reach .. reach and are centered on the integers."""
    half = np.ceil(max(reach, 1) / BIN_WIDTH) + 0.5
    return np.arange(-half, half + 1) * BIN_WIDTH


def _color(index, count):
    return colormaps["viridis"]((index + 0.5) / count)


def _kinds(statistics):
    return ", ".join(sorted({layer.kind for layer in statistics})) or "no layers"
