import json

import numpy as np
import pytest
from PIL import Image

from gsf_tf.analysis import attention_figure, shift_histogram_figure
from gsf_tf.analysis.shift_statistics import ShiftStatistics
from gsf_tf.evaluation import (
    Scores,
    confusion_figure,
    curves_figure,
    metrics_figure,
    write_evaluation,
)
from gsf_tf.workdir import Workdir


def ink(path):
    """Share of the picture's pixels that are not white."""
    return (np.asarray(Image.open(path).convert("RGB")) < 250).any(-1).mean()


def test_curves_hold_a_line_per_run_and_split(tmp_path):
    lines = [
        {"epoch": 1, "train/loss": 2.0, "train/top1": 0.1},
        {"epoch": 2, "train/loss": 1.0, "train/top1": 0.4, "val/loss": 1.1, "val/top1": 0.3},
    ]
    figure = curves_figure({"GSF": lines, "TSN": lines[:1]})
    loss, top1 = figure.axes
    assert [line.get_label() for line in loss.lines] == [
        "GSF, train",
        "GSF, val",
        "TSN, train",
        "TSN, val",
    ]
    assert top1.lines[0].get_ydata().tolist() == [0.1, 0.4]
    assert top1.lines[1].get_xdata().tolist() == [2]
    figure.savefig(tmp_path / "curves.png")
    assert ink(tmp_path / "curves.png") > 0.01


def test_metrics_are_drawn_by_panel_and_run():
    lines = [{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 0.2, "shift/T": 0.5, "shift/H": 0.25}]
    panels = {"Learning rate": ["lr"], "Reach": ["shift/T", "shift/H", "shift/W"]}
    rates, reach = metrics_figure({"_$a$": lines, "b": lines[:1]}, panels).axes
    assert [line.get_ydata().tolist() for line in rates.lines] == [[0.1, 0.2], [0.1]]
    assert [line.get_ydata().tolist() for line in reach.lines] == [[0.5], [0.25]]
    names = [text.get_text().strip() for text in rates.get_legend().get_texts()]
    assert names == ["_$a$", "b"]
    assert reach.get_legend().get_texts()[1].get_text().strip() == "_$a$, shift/H"
    with pytest.raises(ValueError, match="Received: None here; the runs have epoch, lr, shift/H"):
        metrics_figure({"a": lines}, {"None here": ["gate/magnitude"]})
    with pytest.raises(ValueError, match="Received: no panel"):
        metrics_figure({"a": lines}, {})


def test_confusion_shows_counts_and_shares(tmp_path):
    figure = confusion_figure({"model": [[3, 1], [0, 0]]}, ["left", "right"])
    axes = figure.axes[0]
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0, 0]]
    assert sorted(text.get_text() for text in axes.texts) == ["1", "3"]
    figure.savefig(tmp_path / "confusion.png", bbox_inches="tight")
    assert ink(tmp_path / "confusion.png") > 0.01


def test_long_names_of_a_confusion_matrix_are_cut():
    name = "Pretending to put something onto something so that it falls, and then leaving it"
    axes = confusion_figure({"model": [[3, 1], [0, 0]]}, [name, "right"]).axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        first, second = (label.get_text() for label in labels)
        assert len(first) == 64 and first.startswith("Pretending") and second == "right"


@pytest.mark.parametrize(
    "name", ["$$", "$x^{$", r"$\frac{$", "_private", "[b]", "a\\b", "%", "{0}"]
)
def test_names_are_no_formulas(name, tmp_path):
    figure = confusion_figure({name: [[3, 1], [0, 0]]}, [name, "right"])
    figure.savefig(tmp_path / "confusion.png", bbox_inches="tight")
    axes = figure.axes[0]
    assert axes.get_title() == axes.get_xticklabels()[0].get_text() == name
    figure = curves_figure({name: [{"epoch": 1, "train/loss": 2.0, "train/top1": 0.1}]})
    figure.savefig(tmp_path / "curves.png")
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == [f"{name}, train", f"{name}, val"]
    layer = ShiftStatistics(name, "AttentionShift", np.zeros([1, 4]))
    attention_figure([layer]).savefig(tmp_path / "attention.png")
    shift_histogram_figure([layer]).savefig(tmp_path / "shifts.png")


def test_a_picture_does_not_decide_an_evaluation(tmp_path, monkeypatch, caplog):
    """The JSON and the tables are there, whatever matplotlib does."""

    def broken(matrices, class_names):
        raise RuntimeError("no\nfont")

    monkeypatch.setattr(write_evaluation, "confusion_figure", broken)
    names = ["$$", "_b"]
    scores = Scores(
        np.array(["0", "1"]), {"action": np.eye(2, dtype=np.float32)},
        {"action": np.array([0, 1], np.int32)}, {"action": names},
    )  # fmt: skip
    report = write_evaluation.write_evaluation(
        Workdir(tmp_path), "accuracy", scores, lambda metrics: {}, title="$", scores_csv=True
    )
    assert json.loads((tmp_path / "eval_accuracy.json").read_text()) == report
    assert report["top1"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "confusion_accuracy.npy", "eval_accuracy.json", "per_class_accuracy.csv",
        "scores_accuracy.csv", "scores_accuracy.npz",
    ]  # fmt: skip
    assert "confusion_accuracy.png could not be drawn: no font" in caplog.text
