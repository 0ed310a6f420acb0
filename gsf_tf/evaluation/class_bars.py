"""Horizontal bars, one per class or pair of classes, with names that may be long."""

from matplotlib.figure import Figure

BAR_HEIGHT = 0.24
# Inches of a character at the size of the names, and of the bars beside them.
CHARACTER = 0.075
BARS_WIDTH = 5.5


def bar_figure(names, values, *, errors=None, colors="C0", title="", xlabel="", notes=None):
    """Draws a bar per name, the first at the top.

    Args:
        names: The names, short enough for a picture.
        values: Length of each bar.
        errors: Pair of lists, how far the interval of each value reaches down and up; or None.
        colors: Color of all bars, or a list with that of each.
        title: Title of the picture.
        xlabel: Title of the axis.
        notes: Text at the right of each bar, or None.

    Returns:
        A pair of the figure and its axes.
    """
    width = BARS_WIDTH + CHARACTER * max(map(len, names), default=0)
    figure = Figure(figsize=(width, 1.1 + BAR_HEIGHT * max(len(names), 3)), layout="constrained")
    axes = figure.subplots()
    places = list(range(len(names)))[::-1]
    axes.barh(places, values, 0.75, color=colors, xerr=errors, ecolor="0.35", capsize=2)
    axes.set_yticks(places, names, fontsize="small", parse_math=False)
    axes.set_ylim(-0.75, max(len(names), 1) - 0.25)
    axes.set_xlabel(xlabel)
    axes.set_title(title, parse_math=False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    for place, note in zip(places, notes or (), strict=False):
        axes.annotate(
            note,
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="x-small",
        )
    return figure, axes
