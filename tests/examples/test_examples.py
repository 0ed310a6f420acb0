"""The examples run as their headers say, on small generated videos."""

import json
import pathlib
import re
import runpy
import subprocess
import sys

import keras
import pytest

import gsf_tf
from gsf_tf.data.demo_clips import CLASS_NAMES, generate_clips
from tests import exhaustive

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def run(name, *flags, cwd):
    command = [sys.executable, EXAMPLES / name, *flags]
    process = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@exhaustive.MARK
def test_finetune_on_a_folder(tmp_path):
    for _ in generate_clips(tmp_path, {"videos": 2}):
        pass
    flags = "--videos=videos --output=model.keras --weights=none --num_segments=2 --image_size=32"
    output = run("finetune_on_a_folder.py", *flags.split(), "--epochs=1", cwd=tmp_path)
    video, name = output.splitlines()[-1].split(": ")
    assert (tmp_path / video).is_file() and name in CLASS_NAMES
    labels = (tmp_path / "model.txt").read_text().splitlines()
    assert labels == list(CLASS_NAMES)
    model = keras.models.load_model(tmp_path / "model.keras")
    assert model.output_shape == (None, len(CLASS_NAMES))
    layers = [type(layer) for layer in model.backbone.layers]
    assert layers.count(gsf_tf.layers.GateShiftFuse) == 16  # One per block of EfficientNet-B0.


def test_gate_shift_fuse_in_your_model(capsys):
    runpy.run_path(EXAMPLES / "gate_shift_fuse_in_your_model.py")
    output = capsys.readouterr().out
    assert "2/2" in output and "differ by at most 0.0e+00" in output


@pytest.mark.parametrize(
    ("epochs", "clips"),
    exhaustive.cases(
        [(2, '"train": 8, "val": 4'), (18, '"train": 40, "val": 15')], lambda case: case[0] == 2
    ),
)
def test_notebook(epochs, clips, tmp_path):
    """As it is committed, and every time with a shorter training on fewer clips."""
    nbformat = pytest.importorskip("nbformat", reason="the extra `notebook` is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra `notebook` is not installed")
    text = (EXAMPLES / "gsf_tf.ipynb").read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    for written, smaller in (
        ("epochs, steps_per_epoch = 18,", f"epochs, steps_per_epoch = {epochs},"),
        ('"train": 40, "val": 15', clips),
    ):
        assert sum(cell.source.count(written) for cell in notebook.cells) == 1
        for cell in notebook.cells:
            cell.source = cell.source.replace(written, smaller)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    printed = "".join(output.get("text", "") for output in outputs)
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 5
    top1 = float(re.search(r"top-1 ([0-9.]+)%", printed)[1])
    # Chance is a quarter; knowing the pair and not the order gives a half.
    assert top1 > 50 or epochs < 18


def test_the_notebook_is_committed_with_its_outputs():
    notebook = json.loads((EXAMPLES / "gsf_tf.ipynb").read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = [output["output_type"] for cell in code for output in cell["outputs"]]
    assert kinds.count("display_data") == 5 and "error" not in kinds
