"""The parts of `gsf-tf analyze`, and the run through them."""

import dataclasses
from collections.abc import Callable

from gsf_tf.data import reports_damage
from gsf_tf.errors import UserError
from gsf_tf.evaluation import read_class_groups

from .analysis_flags import PARTS
from .analysis_layers import features, gates, saliency, shifts
from .analysis_scores import errors, gains, orders, read_compared, top1_of, trade_off, training
from .report_folder import ReportFolder
from .report_page import write_page


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the report.

    Attributes:
        title: Title of its section.
        text: How to read its pictures, and the paper's figure.
        draw: Function of the models, the `ReportFolder` and the options.
    """

    title: str
    text: str
    draw: Callable


DRAWN = {
    "training": Part(
        "Training", "The metrics of each epoch, from metrics.jsonl of the run.", training
    ),
    "trade_off": Part(
        "Accuracy against cost",
        "Each marker is a model, its area the number of parameters, hollow markers are the papers' "
        "results on this dataset: GSF paper, Figure 10, and RubiksNet paper, Figure 4. Higher and "
        "further left is better. Costs are the multiply-accumulates of one clip, as the papers "
        "count them.",
        trade_off,
    ),
    "gains": Part(
        "Gains by class",
        "The classes whose accuracy rises and falls most from the first model to the other, with "
        "95 % intervals of a paired bootstrap over videos: GSF paper, Figure 7. An interval that "
        "holds zero can be chance.",
        gains,
    ),
    "errors": Part(
        "Errors",
        "The classes that are found least, the pairs that are taken for each other, accuracy for "
        "short and long videos, and the videos that the model gets wrong with the highest "
        "probability.",
        errors,
    ),
    "orders": Part(
        "Order of the frames",
        "The same videos with their frames reversed, shuffled, or one of them in place of all. A "
        "model that uses the order loses accuracy; one that does not keeps it.",
        orders,
    ),
    "gates": Part(
        "Gates",
        "How open the gates of each layer are, over the videos: GSF paper, Figure 8. At 0 nothing "
        "is shifted in time, at 1 and -1 all of a feature is. The two colors are the two halves of "
        "the channels.",
        gates,
    ),
    "shifts": Part(
        "Shifts",
        "Where the channels of each layer look, in time, down and to the right: RubiksNet paper, "
        "Figures 5 and 6.",
        shifts,
    ),
    "saliency": Part(
        "Saliency",
        "What speaks for the class that the model finds, over the frames of a clip: GSF paper, "
        "Figure 9. Class activation divides the logit of the class, relative to the other classes, "
        "among places and frames; Grad-CAM does so for an earlier layer; red gates are positive, "
        "blue ones negative.",
        saliency,
    ),
    "features": Part(
        "Features",
        "The vectors before the classifier in a plane, a point per video: GSF paper, Figure 6. "
        "Trust the silhouette more than the eye: t-SNE separates what it can.",
        features,
    ),
}
assert tuple(DRAWN) == PARTS


def analyze(models, options, progress, command):
    """Draws all parts of a report and writes its page.

    A part that cannot be drawn has the reason as a note; the others are drawn all the same.

    Args:
        models: List of `AnalyzedModel`.
        options: `AnalysisOptions`.
        progress: Progress bar.
        command: The command, for the page.

    Returns:
        The `ReportFolder` and the path of the page.

    Raises:
        UserError: If a file of the options cannot be read, or a model cannot be opened or scored.
    """
    options = _with_files(options, models)
    report = ReportFolder(options.output)
    steps = [*(("open", model) for model in models), *(("part", name) for name in options.parts)]
    bar = progress.add_task("Analyzing", total=len(steps), info="")
    for done, (kind, what) in enumerate(steps):
        title = f"scores of {what.name}" if kind == "open" else what
        progress.update(bar, info=title)

        def tell(text, share, title=title, done=done):
            progress.update(bar, info=f"{title}: {text}", completed=done + share)

        for model in models:
            model.tell = tell
        if kind == "open":
            with reports_damage():
                what.scores  # noqa: B018  Scored once, here, where the bar says so.
        else:
            _draw(what, models, report, options)
        progress.update(bar, completed=done + 1)
    progress.update(bar, info="")
    title = "Analysis of " + ", ".join(model.name for model in models)
    return report, write_page(report, title, _facts(models, command))


def _with_files(options, models):
    """Returns the options with what their files hold, so that a wrong file is found at once."""
    groups = options.groups and read_class_groups(options.groups, models[0].labels.names)
    return dataclasses.replace(
        options, compared=read_compared(options.compare), class_groups=groups or None
    )


def _draw(name, models, report, options):
    part = DRAWN[name]
    report.section(name, part.title, part.text)
    try:
        with reports_damage():
            part.draw(models, report, options)
    except UserError as error:
        report.note(f"This part could not be drawn to its end. {error}")


def _facts(models, command):
    rows = [["Model", "Records", "Split", "Videos", "Classes", "Top-1"]]
    for model in models:
        subject = model.subject
        rows.append([
            model.name,
            subject.records,
            subject.split,
            len(model.scores),
            len(model.labels),
            f"{top1_of(model.scores):.1%}",
        ])  # fmt: skip
    return [*rows, ["Command", command, "", "", "", ""]]
