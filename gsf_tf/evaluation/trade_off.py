"""Accuracy against cost, as in Figure 10 of the GSF paper and Figure 4 of the RubiksNet paper."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from gsf_tf.short_names import short_name

# Area of the marker of the largest network, in square points, and of the smallest that is seen.
LARGEST, SMALLEST = 900, 25


@dataclasses.dataclass(frozen=True)
class TradeOffPoint:
    """A model's cost and its accuracy.

    Attributes:
        name: Name of the model.
        macs: Multiply-accumulates of a video: those of a clip times the number of views.
        parameters: Number of its parameters.
        top1: Top-1 accuracy in 0..1.
        published: Whether the accuracy is a paper's, and not measured here.
    """

    name: str
    macs: int
    parameters: int
    top1: float
    published: bool = False


def trade_off_figure(points: Sequence[TradeOffPoint], title: str = "") -> Figure:
    """Draws accuracy against multiply-accumulates; the area of a marker is its parameters.

    The markers of published results are hollow. The horizontal axis is logarithmic where the costs
    differ by more than a factor of 4.

    Args:
        points: The models, at least one.
        title: Title of the picture.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If there is no point, or a cost is not positive.

    Example:

    ```python
    points = [
        gsf_tf.evaluation.TradeOffPoint("mine", 33_000_000_000, 24_000_000, 0.48),
        gsf_tf.evaluation.TradeOffPoint("GSF", 33_000_000_000, 24_000_000, 0.494, published=True),
    ]
    gsf_tf.evaluation.trade_off_figure(points).savefig("trade_off.png")
    ```

    Reference:
        GSF paper, Figure 10; RubiksNet paper, Figure 4.
    """
    bad = [point for point in points if point.macs <= 0 or point.parameters <= 0]
    if bad or not points:
        raise ValueError(
            "`points` must have a model, and all of them MACs and parameters above 0. "
            f"Received: {bad or 'none'}"
        )
    figure = Figure(figsize=(8.5, 5.5), layout="constrained")
    axes = figure.subplots()
    macs = np.array([point.macs / 1e9 for point in points])
    largest = max(point.parameters for point in points)
    for number, (x, point) in enumerate(zip(macs, points, strict=True)):
        color = f"C{number % 10}"
        axes.scatter(
            x,
            100 * point.top1,
            s=max(SMALLEST, LARGEST * point.parameters / largest),
            facecolors="none" if point.published else color,
            edgecolors=color,
            linewidths=1.5,
            alpha=0.8,
            zorder=3,
        )
    if macs.max() > 4 * macs.min():
        axes.set_xscale("log")
    axes.margins(0.18)
    _name_points(axes, macs, points)
    axes.set_xlabel("Multiply-accumulates of a video, G")
    axes.set_ylabel("Top-1 accuracy, %")
    axes.set_title(title, parse_math=False)
    axes.grid(alpha=0.3)
    note = f"Area of a marker: parameters (largest: {largest / 1e6:.3g} M)"
    if any(point.published for point in points):
        note += "; hollow: the paper's result"
    figure.supxlabel(note, fontsize="small", color="0.35")
    return figure


def _name_points(axes, macs, points):
    """Writes the names beside the markers; where two would overlap, the lower one moves down."""
    order = sorted(range(len(points)), key=lambda number: -points[number].top1)
    axes.autoscale_view()  # Otherwise the limits are those of an empty picture until it is drawn.
    taken = []
    for number in order:
        point = points[number]
        x, y = axes.transData.transform((macs[number], 100 * point.top1))
        right = x > axes.bbox.x0 + 0.6 * axes.bbox.width
        below = y
        while any(side == right and abs(below - other) < 14 for side, other in taken):
            below -= 3
        taken.append((right, below))
        axes.annotate(
            short_name(point.name, 44),
            (macs[number], 100 * point.top1),
            xytext=(-18 if right else 18, (below - y) * 72 / axes.figure.dpi),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize="small",
            parse_math=False,
            zorder=4,
        )
