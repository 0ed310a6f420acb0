"""Pictures of a run: training curves and confusion matrices."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gsf_tf.short_names import short_name

_STYLES = ("-", "--", ":", "-.")


def curves_figure(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draws loss and top-1 accuracy of training and validation over the epochs.

    Args:
        runs: Dictionary from the name of a run to the lines of its `metrics.jsonl`, as
            dictionaries.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, quantity, title in zip(
        figure.subplots(1, 2), ("loss", "top1"), ("Loss", "Top-1 accuracy"), strict=True
    ):
        for color, (name, lines) in enumerate(runs.items()):
            for split, style in (("train", "--"), ("val", "-")):
                points = [
                    (line["epoch"], line[f"{split}/{quantity}"])
                    for line in lines
                    if f"{split}/{quantity}" in line
                ]
                axes.plot(
                    *zip(*points, strict=True) if points else ([], []),
                    style,
                    color=f"C{color}",
                    label=f"{name}, {split}",
                )
        axes.set(title=title, xlabel="Epoch")
        axes.grid(alpha=0.3)
        names = [line.get_label() for line in axes.lines]
        # The texts are set afterwards, because a legend leaves out names that begin with `_`.
        legend = axes.legend(axes.lines, list(map(str, range(len(names)))))
        for text, label in zip(legend.get_texts(), names, strict=True):
            text.set(text=label, parse_math=False)
        if quantity == "top1":
            axes.set_ylim(0, 1.02)
        else:
            # The first validation losses can be so large that they would flatten all other curves:
            # the moving statistics of batch normalization have not settled yet.
            losses = [line["train/loss"] for lines in runs.values() for line in lines]
            axes.set_ylim(0, 1.2 * max(losses, default=1))
    return figure


def metrics_figure(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], panels: Mapping[str, Sequence[str]]
) -> Figure:
    """Draws any metrics of a run over the epochs, a panel for each.

    Args:
        runs: As in `curves_figure`.
        panels: Dictionary from the title of a panel to the names of its metrics, such as
            `{"Waiting for input": ["input/wait_fraction"]}`. A metric that a run does not have is
            left out; with several metrics in a panel, each has a line style.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If there is no panel, or no run has a metric of a panel.

    Example:

    ```python
    lines = gsf_tf.workdir.Workdir("runs/gsf").read_metrics()
    panels = {"Share of open gates": ["gate/magnitude"]}
    gsf_tf.evaluation.metrics_figure({"gsf": lines}, panels).savefig("gates.png")
    ```
    """
    recorded = {name for lines in runs.values() for line in lines for name in line}
    empty = [title for title, names in panels.items() if not recorded.intersection(names)]
    if empty or not panels:
        raise ValueError(
            "`panels` must have a panel, and a run a metric of each. Received: "
            f"{', '.join(empty) or 'no panel'}; the runs have {', '.join(sorted(recorded))}"
        )
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.7 * columns + 0.6, 3.7 * rows), layout="constrained")
    all_axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, names) in zip(all_axes, panels.items(), strict=False):
        for color, (run, lines) in enumerate(runs.items()):
            for style, name in enumerate(names):
                points = [(line["epoch"], line[name]) for line in lines if name in line]
                if points:
                    label = f"{run}, {name}" if len(names) > 1 else run
                    axes.plot(*zip(*points, strict=True), _STYLES[style % 4], color=f"C{color}")
                    axes.lines[-1].set_label(f"\u2009{label}")
        axes.set(title=title, xlabel="Epoch")
        axes.grid(alpha=0.3)
        # The space before a label keeps those that begin with `_` in the legend.
        for text in axes.legend(fontsize="small").get_texts():
            text.set_parse_math(False)
    return figure


def confusion_figure(matrices: Mapping[str, np.ndarray], class_names: Sequence[str]) -> Figure:
    """Draws confusion matrices side by side, with rows that sum to 1.

    Args:
        matrices: Dictionary from a title to a matrix of counts `[K, K]`. Rows are the true classes,
            columns the predicted ones.
        class_names: Names of the K classes.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.
    """
    classes = len(class_names)
    side = min(max(4, 0.42 * classes), 20)
    figure = Figure(figsize=(side * len(matrices) + 2.5, side + 1.5), layout="constrained")
    all_axes = np.atleast_1d(figure.subplots(1, len(matrices), sharey=True))
    for axes, (title, counts) in zip(all_axes, matrices.items(), strict=True):
        counts = np.asarray(counts, float)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        image = axes.imshow(share, vmin=0, vmax=1, cmap="Blues")
        # Names are no formulas: `$` is a character like any other.
        axes.set_title(title, parse_math=False)
        axes.set_xlabel("Predicted")
        if classes <= 60:
            names = [short_name(name) for name in class_names]
            axes.set_xticks(range(classes), names, rotation=90, parse_math=False)
            axes.set_yticks(range(classes), names, parse_math=False)
        if classes <= 20:
            for row, column in zip(*np.nonzero(counts), strict=True):
                axes.text(
                    column,
                    row,
                    int(counts[row, column]),
                    ha="center",
                    va="center",
                    color="white" if share[row, column] > 0.5 else "black",
                )
    all_axes[0].set_ylabel("True class")
    figure.colorbar(image, ax=all_axes.tolist(), shrink=0.8, label="Share of the true class")
    return figure
