"""Accuracy against the length of the videos."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binomtest

from gsf_tf.errors import UserError
from gsf_tf.evaluation.scores import Scores
from gsf_tf.tasks import ACTION


@dataclasses.dataclass(frozen=True)
class LengthBin:
    """The videos of similar length.

    Attributes:
        shortest: Frames of the shortest video.
        longest: Frames of the longest one.
        videos: Number of the videos.
        accuracy: Share of the videos that are right, in 0..1.
        low: Lower end of its 95 % interval (Wilson).
        high: Upper end of it.
    """

    shortest: int
    longest: int
    videos: int
    accuracy: float
    low: float
    high: float


def accuracy_by_length(
    scores: Scores, lengths: Mapping[str, int], bins: int = 6, task: str = ACTION
) -> list[LengthBin]:
    """Returns the accuracy of a model for shorter and for longer videos.

    The bins have equally many videos, as far as videos of the same length allow it.

    Args:
        scores: `Scores` of an evaluation.
        lengths: Dictionary from the id of each video to its number of frames.
        bins: Largest number of bins, at least 1.
        task: Task whose classes are meant.

    Returns:
        A list of `LengthBin`, the shortest videos first.

    Raises:
        UserError: If the length of a video is unknown.
        ValueError: If `bins` is below 1.
    """
    if int(bins) != bins or bins < 1:
        raise ValueError(f"`bins` must be an integer >= 1. Received: bins={bins!r}")
    unknown = [name for name in scores.ids.tolist() if name not in lengths]
    if unknown:
        raise UserError(
            "The length of every video must be known. Received: none for "
            f"{len(unknown)} of {len(scores)} videos, first {unknown[0]!r}. Name the records that "
            "the scores are of."
        )
    frames = np.array([lengths[name] for name in scores.ids.tolist()])
    right = scores.logits[task].argmax(axis=1) == scores.labels[task]
    quantiles = np.quantile(frames, np.linspace(0, 1, int(bins) + 1)[1:-1], method="higher")
    places = np.searchsorted(np.unique(quantiles), frames, side="right")
    return [_bin(frames[places == place], right[places == place]) for place in np.unique(places)]


def length_figure(bins: Sequence[LengthBin], title: str = "") -> Figure:
    """Draws accuracy against the length of the videos, with 95 % intervals.

    Args:
        bins: Result of `accuracy_by_length`.
        title: Title of the picture.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    accuracy = np.array([100 * each.accuracy for each in bins])
    low = np.array([100 * each.low for each in bins])
    high = np.array([100 * each.high for each in bins])
    places = np.arange(len(bins))
    axes.errorbar(places, accuracy, [accuracy - low, high - accuracy], fmt="o-", capsize=3)
    names = [
        f"{each.shortest}-{each.longest}" if each.longest > each.shortest else f"{each.shortest}"
        for each in bins
    ]
    labels = [f"{name}\n{each.videos} videos" for name, each in zip(names, bins, strict=True)]
    axes.set_xticks(places, labels, fontsize="small")
    axes.set(xlabel="Frames of the video", ylabel="Top-1 accuracy, %", ylim=(0, 102))
    axes.set_title(title, parse_math=False)
    axes.grid(alpha=0.3)
    return figure


def _bin(frames, right):
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return LengthBin(
        int(frames.min()),
        int(frames.max()),
        len(frames),
        float(right.mean()),
        # A rounding error must not put the interval beside the value.
        float(min(interval.low, right.mean())),
        float(max(interval.high, right.mean())),
    )
