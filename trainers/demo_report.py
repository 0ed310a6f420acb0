"""What `gsf-tf demo` draws and prints at its end."""

import json

import numpy as np
from rich.table import Table

from gsf_tf.data.demo_clips import ACTION_PAIRS, CLASS_NAMES
from gsf_tf.evaluation import confusion_figure, curves_figure


def pair_accuracy(confusion):
    """Returns the share of videos whose predicted class is in the right pair, order ignored."""
    pairs = {name: i for i, p in enumerate(ACTION_PAIRS) for name in (p.forward, p.backward)}
    of_class = np.array([pairs[name] for name in CLASS_NAMES])
    return confusion[of_class[:, None] == of_class[None, :]].sum() / confusion.sum()


def summarize(console, output, workdirs, presets, results, seconds):
    """Draws both pictures and prints the table and where everything is.

    Args:
        console: Console to print on.
        output: Folder of the demo.
        workdirs: Dictionary from a model's name to its `Workdir`.
        presets: Dictionary from a model's name to its preset.
        results: Dictionary from what the demo has made to its path.
        seconds: How long the demo took.
    """
    reports = {
        name: json.loads((workdir.path / "eval_efficiency.json").read_text())
        for name, workdir in workdirs.items()
    }
    matrices = {
        name: np.load(workdir.path / "confusion_efficiency.npy")
        for name, workdir in workdirs.items()
    }
    curves, confusion = output / "training_curves.png", output / "confusion.png"
    lines = {name: workdir.read_metrics() for name, workdir in workdirs.items()}
    curves_figure(lines).savefig(curves, dpi=110)
    titles = {f"{name}: top-1 {r['top1']:.1%}": matrices[name] for name, r in reports.items()}
    confusion_figure(titles, CLASS_NAMES).savefig(confusion, dpi=100, bbox_inches="tight")

    clips = reports["GSF"]["n"]
    table = Table("Model", title=f"{clips} held-out clips, {len(CLASS_NAMES)} classes")
    for column in ("Temporal layers", "Top-1", "Top-5", "Pair right, order ignored"):
        table.add_column(column, justify="right")
    for name, report in reports.items():
        layers = workdirs[name].load_model().backbone.layers
        table.add_row(
            presets[name],
            str(sum(layer.name.endswith("_temporal") for layer in layers)),
            f"{report['top1']:.1%}",
            f"{report['top5']:.1%}",
            f"{pair_accuracy(matrices[name]):.1%}",
        )
    console.rule()
    console.print(table)
    drawn = {"Training curves": curves, "Confusion matrices": confusion}
    for what, path in {**results, **drawn}.items():
        console.print(f"{what:<19}{path}")
    console.print(f"{'Time':<19}{seconds / 60:.1f} minutes")
