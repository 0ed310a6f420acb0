"""Pictures of a RubiksNet's shifts, in the manner of the paper's Figures 5 and 6."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from gsf_tf.ops.reference.rubiks_shift import quantize

INTEGER_SHIFTS = (-1, 0, 1)
# Shares of the channels that TSM shifts by -1, 0 and 1 frames in every layer.
TSM_SHARES = (1 / 8, 3 / 4, 1 / 8)
AXIS_TITLES = {"T": "Time, frames", "H": "Vertical, elements", "W": "Horizontal, elements"}
BIN_WIDTH = 0.25
GROUP_WIDTH = 0.84


def attention_figure(statistics):
    """Draws which share of its channels each layer takes from the previous, same and next frame.

    There is a group of bars for each of the shifts -1, 0 and 1, and in it a bar per layer, the
    first layer on the left. Black marks are what TSM has in every layer: 1/8, 3/4 and 1/8. While
    attention is not annealed, a share is the channels' mean attention.

    Args:
        statistics: What `shift_statistics` returns for a model whose layers shift in time alone:
            `AttentionShift` or `IntegerShift`. Other layers are passed over.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it.

    Raises:
        ValueError: If no layer is one of these.

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
            "`statistics` must hold layers that shift in time alone, such as AttentionShift. "
            f"Received: {_kinds(statistics)}. Use a rubiksnet_*_aq preset with more than one "
            "frame, or draw `shift_histogram_figure`."
        )
    columns = -(-len(layers) // 20)
    figure = Figure(figsize=(5.5 + 2 * columns, 4), layout="constrained")
    axes = figure.subplots()
    width = GROUP_WIDTH / len(layers)
    for index, layer in enumerate(layers):
        axes.bar(
            np.array(INTEGER_SHIFTS) + (index + 0.5) * width - GROUP_WIDTH / 2,
            _integer_shares(layer),
            width,
            color=_color(index, len(layers)),
            label=layer.name,
        )
    axes.hlines(
        TSM_SHARES,
        np.array(INTEGER_SHIFTS) - GROUP_WIDTH / 2,
        np.array(INTEGER_SHIFTS) + GROUP_WIDTH / 2,
        colors="black",
        label="TSM",
    )
    axes.set_xticks(INTEGER_SHIFTS, ["-1", "0", "+1"])
    axes.set(xlabel="Shift in time, frames", ylabel="Share of the channels", ylim=(0, 1))
    figure.legend(loc="outside right upper", fontsize="x-small", ncols=columns)
    return figure


def shift_histogram_figure(statistics, columns=4):
    """Draws how the shifts in time, height and width are distributed at layers of different depth.

    There is a row per axis, and a column per layer, the first layer on the left. Bars are shares of
    the layer's channels; in a model with attention, time and space are of different layers.

    Args:
        statistics: What `shift_statistics` returns.
        columns: Integer >= 1. Of more layers than this, so many are drawn, evenly spaced, the first
            and the last among them.

    Returns:
        A matplotlib figure.

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
            "`statistics` must have a layer and `columns` be an integer >= 1. "
            f"Received: {len(statistics)} layers, columns={columns!r}"
        )
    rows = {
        axis: _evenly_spaced([layer for layer in statistics if axis in layer.axes], int(columns))
        for axis in AXIS_TITLES
    }
    rows = {axis: layers for axis, layers in rows.items() if layers}
    drawn = max(map(len, rows.values()))
    figure = Figure(figsize=(1.5 + 2.6 * drawn, 0.8 + 2.2 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), drawn, sharey=True, squeeze=False)
    for (axis, layers), row in zip(rows.items(), grid, strict=True):
        shifts = [layer.shifts[layer.axes.index(axis)] for layer in layers]
        edges = _edges(max(np.abs(shift).max() for shift in shifts))
        for index, (axes, layer, shift) in enumerate(zip(row, layers, shifts, strict=False)):
            axes.hist(
                shift,
                edges,
                weights=np.full(len(shift), 1 / len(shift)),
                color=_color(index, len(layers)),
            )
            axes.axvline(0, color="black", linewidth=0.5)
            axes.set_title(layer.name, fontsize="small")
            axes.set_xlabel(AXIS_TITLES[axis])
        for axes in row[len(layers) :]:
            axes.set_axis_off()
        row[0].set_ylabel("Share of the channels")
    return figure


def _integer_shares(layer):
    if layer.distribution is not None:
        return layer.distribution.mean(axis=1)
    shifts = np.array(quantize(layer.shifts[0]))
    return np.array([np.mean(shifts == shift) for shift in INTEGER_SHIFTS])


def _evenly_spaced(layers, count):
    places = np.linspace(0, len(layers) - 1, min(count, len(layers))).round().astype(int)
    return [layers[place] for place in places]


def _edges(reach):
    """Edges of bins that hold -reach .. reach and have the integers in their middle."""
    half = np.ceil(max(reach, 1) / BIN_WIDTH) + 0.5
    return np.arange(-half, half + 1) * BIN_WIDTH


def _color(index, count):
    return colormaps["viridis"]((index + 0.5) / count)


def _kinds(statistics):
    return ", ".join(sorted({layer.kind for layer in statistics})) or "no layers"
