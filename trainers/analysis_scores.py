"""The parts of `gsf-tf analyze` that look at scores and at the history of a run."""

import numpy as np

from gsf_tf.analysis import count_macs, count_parameters, strip_figure
from gsf_tf.errors import UserError
from gsf_tf.evaluation import (
    Scores,
    TradeOffPoint,
    accuracy_by_length,
    class_accuracy_figure,
    class_gains,
    class_gains_figure,
    classification_metrics,
    confident_mistakes,
    confused_pairs,
    confused_pairs_figure,
    confusion_figure,
    curves_figure,
    frame_order_figure,
    length_figure,
    metrics_figure,
    score_frame_orders,
    trade_off_figure,
)
from gsf_tf.evaluation.align_scores import align_scores
from gsf_tf.evaluation.frame_orders import TITLES
from gsf_tf.short_names import short_name
from gsf_tf.tasks import ACTION

from .analyzed_model import short_names
from .published_points import published_points

# Titles of the panels, and the beginnings of the names of their metrics.
PANELS = {
    "Learning rate": ("lr",),
    "Share of the time that waits for input": ("input/wait_fraction",),
    "Mean magnitude of the gates": ("gate/magnitude",),
    "Share of the channels that move in time": ("shift/nonzero_share",),
    "Temperature of the attention": ("shift/temperature",),
    "Mean reach of the shifts, frames or elements": ("shift/T", "shift/H", "shift/W"),
}
STRIPS = 6
# Longest name in the title of a strip.
PART = 36


def training(models, report, options):
    """Draws loss, accuracy, learning rates, waiting for input, gates and shifts over the epochs."""
    runs = {model.name: model.read_metrics() for model in models}
    runs = {name: lines for name, lines in runs.items() if lines}
    if not runs:
        report.note("This part does not apply: no model has a run with metrics.jsonl.")
        return
    recorded = list(dict.fromkeys(key for lines in runs.values() for line in lines for key in line))
    shown = [key for key in recorded if key.startswith(("train/", "val/", "lr"))]
    report.add_figure(
        "training_curves",
        curves_figure(runs),
        _metric_rows(runs, shown),
        "Loss and top-1 accuracy",
        "Dashed: training, with augmentation and dropout. Solid: validation.",
    )
    panels = {
        title: [key for key in recorded if key in names or key.startswith(f"{names[0]}/")]
        for title, names in PANELS.items()
    }
    panels = {title: names for title, names in panels.items() if names}
    if panels:
        report.add_figure(
            "training_metrics",
            metrics_figure(runs, panels),
            _metric_rows(runs, [key for names in panels.values() for key in names]),
            "Learning rate, input, gates and shifts",
        )


def _metric_rows(runs, names):
    rows = [["run", "epoch", *names]]
    for run, lines in runs.items():
        rows += [[run, line["epoch"], *(line.get(name) for name in names)] for line in lines]
    return rows


def trade_off(models, report, options):
    """Draws accuracy against MACs, beside the papers' results on the same dataset."""
    points = []
    for model in models:
        if not model.has_layers:
            kind = type(model.network).__name__
            report.note(f"{model.name} cannot be counted: it is a {kind} and no SegmentModel.")
            continue
        try:
            macs = count_macs(model.network, convention="paper")
        except ValueError as error:
            report.note(f"{model.name} cannot be counted: {error}")
            continue
        points.append(
            TradeOffPoint(model.name, macs, count_parameters(model.network), top1_of(model.scores))
        )
    if not points:
        report.note("This part does not apply: no model could be counted.")
        return
    published = published_points(models[0].subject.info.source)
    if not published:
        report.note("The papers have no results on this dataset, so there are no hollow markers.")
    points += published
    rows = [["model", "macs", "parameters", "top1", "published"]]
    rows += [[p.name, p.macs, p.parameters, p.top1, p.published] for p in points]
    report.add_figure(
        "trade_off", trade_off_figure(points), rows, "Accuracy against multiply-accumulates"
    )
    report.add_table("trade_off", rows, "The numbers")


def read_compared(files):
    """Returns the scores of files by their short names; they are of the same videos and classes.

    Raises:
        UserError: If a file cannot be read, or they are of other videos or classes.
    """
    names = short_names(files)
    scores = {name: Scores.load(file) for name, file in zip(names, files, strict=True)}
    if scores:
        align_scores(scores, "compared")
    return scores


def gains(models, report, options):
    """Compares the first model, or file of scores, with each of the others, class by class."""
    named = options.compared or {model.name: model.scores for model in models}
    if len(named) < 2:
        report.note("This part does not apply: it needs two models, or two files in --compare.")
        return
    (first, baseline), *others = named.items()
    for name, scores in others:
        try:
            overall, by_class = class_gains(baseline, scores)
        except UserError as error:
            report.note(f"{name} is not compared with {first}, the baseline. {error}")
            continue
        header = ["class", "videos", first, name, "gain", "low", "high", "won", "lost", "p_value"]
        rows = [header, *([*_gain_row(gain)] for gain in (overall, *by_class))]
        stem = f"gains_{name}_over_{first}"
        report.add_figure(
            stem,
            class_gains_figure(by_class, title=f"{name} over {first}"),
            rows,
            f"{name} over {first}",
            f"Top-1 {overall.baseline:.1%} → {overall.other:.1%}: {100 * overall.gain:+.1f} points "
            f"(95 % interval {100 * overall.low:+.1f} to {100 * overall.high:+.1f}). Only {name} "
            f"has {overall.won} videos right, only {first} {overall.lost}; McNemar's test: "
            f"p = {overall.p_value:.2g}.",
        )
        report.add_table(stem, rows, f"All classes: {name} over {first}")


def _gain_row(gain):
    return (
        *(gain.name, gain.videos, gain.baseline, gain.other, gain.gain, gain.low, gain.high),
        *(gain.won, gain.lost, gain.p_value),
    )


def errors(models, report, options):
    """Shows the classes, the pairs and the videos that each model gets wrong."""
    for model in models:
        _errors_of(model, report)


def _errors_of(model, report):
    name, scores = model.name, model.scores
    names = scores.class_names[ACTION]
    metrics = classification_metrics(scores.logits[ACTION], scores.labels[ACTION], names)
    confusion = metrics["confusion"]
    rows = [["class", "videos", "right", "accuracy"]]
    rows += [
        [each, int(confusion[index].sum()), int(confusion[index, index]), accuracy]
        for index, (each, accuracy) in enumerate(metrics["per_class"].items())
    ]
    report.add_figure(
        f"classes_{name}", class_accuracy_figure(metrics["per_class"]), rows, f"{name}: classes"
    )
    report.add_table(f"classes_{name}", rows, f"{name}: all classes")
    report.add_figure(
        f"confusion_{name}",
        confusion_figure({name: confusion}, names),
        [
            ["true \\ predicted", *names],
            *([n, *row] for n, row in zip(names, confusion.tolist(), strict=True)),
        ],
        f"{name}: confusion matrix",
    )
    pairs = confused_pairs(confusion, names)
    rows = [["first", "second", "times", "second_for_first", "videos", "share"]]
    rows += [[p.first, p.second, p.times, p.back, p.videos, p.share] for p in pairs]
    title = f"{name}: most confused pairs"
    report.add_figure(f"pairs_{name}", confused_pairs_figure(pairs), rows, title)
    _lengths_of(model, report)
    _mistakes_of(model, report)


def _lengths_of(model, report):
    try:
        bins = accuracy_by_length(model.scores, model.lengths)
    except UserError as error:
        report.note(f"{model.name}: the lengths of the videos are not known. {error}")
        return
    rows = [["shortest", "longest", "videos", "accuracy", "low", "high"]]
    rows += [[b.shortest, b.longest, b.videos, b.accuracy, b.low, b.high] for b in bins]
    title = f"{model.name}: accuracy against the length of the video"
    report.add_figure(f"length_{model.name}", length_figure(bins), rows, title)


def _mistakes_of(model, report):
    mistakes = confident_mistakes(model.scores, STRIPS)
    if not mistakes:
        report.note(f"{model.name} makes no mistake.")
        return
    clips = model.find_clips([each.video for each in mistakes])
    strips = {
        f"{short_name(each.true, PART)}, taken for {short_name(each.predicted, PART)} "
        f"({each.confidence:.0%})   {short_name(each.video, PART)}": clips[each.video]
        for each in mistakes
        if each.video in clips
    }
    if not strips:
        report.note(f"{model.name}: the records have none of the videos that it gets wrong.")
        return
    rows = [["video", "true", "predicted", "confidence", "probability_of_true"]]
    rows += [[m.video, m.true, m.predicted, m.confidence, m.probability] for m in mistakes]
    title = f"{model.name}: most confident mistakes"
    report.add_figure(f"mistakes_{model.name}", strip_figure(strips), rows, title)


def orders(models, report, options):
    """Scores each model with the frames reversed, shuffled, and one of them repeated."""
    for model in models:
        by_order = score_frame_orders(
            model.action_network(),
            model.dataset(),
            model.class_names(),
            seed=0,
            on_order=lambda order, model=model: model.tell(f"{model.name}, {TITLES[order]}", 0),
        )
        accuracies = {order: top1_of(scores) for order, scores in by_order.items()}
        rows = [["order", "videos", "top1"]]
        rows += [[TITLES[o], len(by_order[o]), value] for o, value in accuracies.items()]
        drop = accuracies["as_is"] - accuracies["shuffled"]
        report.add_figure(
            f"orders_{model.name}",
            frame_order_figure(by_order),
            rows,
            f"{model.name}: other orders of the frames",
            f"Shuffled frames cost {100 * drop:.1f} points of {100 * accuracies['as_is']:.1f}.",
        )


def top1_of(scores):
    """Returns the top-1 accuracy of the action, in 0..1."""
    return float(np.mean(scores.logits[ACTION].argmax(axis=1) == scores.labels[ACTION]))
