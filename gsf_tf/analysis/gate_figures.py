"""Picture of the gates of GSF and GSM, like Figure 8 of the GSF paper."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from gsf_tf.analysis.gate_statistics import GateStatistics

HALVES = ("reads the next frame", "reads the previous frame")
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
        for half, shares in enumerate(layer.shares):
            axes.stairs(
                shares, layer.edges, fill=True, alpha=0.45, color=COLORS[half], label=HALVES[half]
            )
        axes.set(yscale="log", xlim=(-1, 1), ylim=(1e-5, 1.5))
        axes.set_title(layer.name, fontsize="small", parse_math=False)
        first, second = layer.saturated
        axes.set_xlabel(f"Gate; saturated: {first:.1%}, {second:.1%}", fontsize="small")
        axes.grid(alpha=0.3)
    for axes in grid[:, 0]:
        axes.set_ylabel("Share of the gates")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure
