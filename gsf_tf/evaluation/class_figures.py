"""Pictures of classes: what they gain, how often they are right, what they are taken for."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from gsf_tf.evaluation.class_bars import bar_figure
from gsf_tf.evaluation.confusions import ConfusedPair
from gsf_tf.evaluation.gains import Gain
from gsf_tf.short_names import short_name

GAINED, LOST = "C0", "C3"
# Longest name of one class of a pair.
PART = 44


def class_gains_figure(gains: Sequence[Gain], count: int = 10, title: str = "") -> Figure:
    """Draws the classes that gain and that lose most, in points of accuracy, with 95 % intervals.

    Args:
        gains: The gains of the classes, from `class_gains`.
        count: Largest number of classes that gain, and of classes that lose; at least 1. Classes
            whose accuracy is the same are not drawn.
        title: Title of the picture.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If `count` is below 1.

    Example:

    ```python
    overall, by_class = gsf_tf.evaluation.class_gains(tsn, gsf)
    gsf_tf.evaluation.class_gains_figure(by_class).savefig("gains.png")
    ```

    Reference:
        GSF paper, Figure 7.
    """
    _check_count(count)
    ordered = sorted(gains, key=lambda each: -each.gain)
    shown = [each for each in ordered if each.gain > 0][:count]
    shown += [each for each in ordered if each.gain < 0][-count:]
    figure, axes = bar_figure(
        [short_name(each.name) for each in shown],
        [100 * each.gain for each in shown],
        # The bootstrap's interval need not hold the value itself when videos are few.
        errors=[
            [100 * max(0, each.gain - each.low) for each in shown],
            [100 * max(0, each.high - each.gain) for each in shown],
        ],
        colors=[GAINED if each.gain > 0 else LOST for each in shown],
        title=title,
        xlabel="Gain in accuracy, points, with 95 % interval",
        notes=[f"{each.baseline:.0%} → {each.other:.0%}" for each in shown],
    )
    axes.axvline(0, color="black", linewidth=0.8)
    if not shown:
        _say(axes, "No class gains or loses")
    return figure


def confused_pairs_figure(pairs: Sequence[ConfusedPair], title: str = "") -> Figure:
    """Draws how often the classes of each pair are taken for each other.

    Args:
        pairs: Result of `confused_pairs`.
        title: Title of the picture.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.
    """
    figure, axes = bar_figure(
        [f"{short_name(p.first, PART)} / {short_name(p.second, PART)}" for p in pairs],
        [100 * pair.share for pair in pairs],
        title=title,
        xlabel="Videos of both classes that are taken for the other, %",
        notes=[f"{pair.times} of {pair.videos}" for pair in pairs],
    )
    axes.set_xlim(0, 100)
    if not pairs:
        _say(axes, "No class is taken for another")
    return figure


def class_accuracy_figure(
    per_class: Mapping[str, float | None], count: int = 30, title: str = ""
) -> Figure:
    """Draws the accuracy of classes, the best at the top; of many classes, the best and worst.

    Args:
        per_class: Dictionary from the name of a class to its accuracy in 0..1, as
            `classification_metrics` returns it. Classes without videos (None) are not drawn.
        count: Largest number of classes, at least 1: half of them the best ones, half the worst.
        title: Title of the picture.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If `count` is below 1.
    """
    _check_count(count)
    known = [(name, value) for name, value in per_class.items() if value is not None]
    ordered = sorted(known, key=lambda item: -item[1])
    if len(ordered) > count:
        left_out = len(ordered) - count
        title = f"{title}\nwithout {left_out} classes in the middle".strip()
        ordered = ordered[: count - count // 2] + ordered[len(ordered) - count // 2 :]
    names, values = [short_name(name) for name, _ in ordered], [100 * value for _, value in ordered]
    figure, axes = bar_figure(
        names,
        values,
        title=title,
        xlabel="Accuracy, %",
        notes=[f"{value:.0f} %" for value in values],
    )
    axes.set_xlim(0, 100)
    return figure


def _check_count(count):
    if int(count) != count or count < 1:
        raise ValueError(f"`count` must be an integer >= 1. Received: count={count!r}")


def _say(axes, text):
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center")
