import numpy as np
from PIL import Image

from gsf_tf.evaluation import confusion_figure, curves_figure


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


def test_confusion_shows_counts_and_shares(tmp_path):
    figure = confusion_figure({"model": [[3, 1], [0, 0]]}, ["left", "right"])
    axes = figure.axes[0]
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0, 0]]
    assert sorted(text.get_text() for text in axes.texts) == ["1", "3"]
    figure.savefig(tmp_path / "confusion.png", bbox_inches="tight")
    assert ink(tmp_path / "confusion.png") > 0.01
