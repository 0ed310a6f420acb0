"""A checkpoint that is read once serves all that is done with it."""

import subprocess
import sys

import numpy as np
import pytest

from gsf_tf.backbones import ResNet50
from gsf_tf.models import from_preset
from gsf_tf.training import initialize_from
from gsf_tf.weights import (
    CheckpointError,
    TorchCheckpoint,
    infer_preset,
    load_torch_backbone,
    load_torch_checkpoint,
    save_torch_checkpoint,
    torch_checkpoint,
)
from gsf_tf.weights.write_torch_file import write_torch_file
from tests import exhaustive
from tests.models.randomize import randomize

SHAPE = (32, 32, 3)
CLIP = np.random.default_rng(0).integers(0, 256, (1, 2, *SHAPE), "uint8")


@pytest.fixture
def reads(monkeypatch):
    """The paths of the files that were read, one entry per time."""
    paths = []
    read = torch_checkpoint.read_torch_file

    def counted(path):
        paths.append(str(path))
        return read(path)

    monkeypatch.setattr(torch_checkpoint, "read_torch_file", counted)
    return paths


def saved(preset, path):
    model = from_preset(preset, 3, 2, SHAPE)
    randomize(model, CLIP)
    save_torch_checkpoint(model, path)
    return model


@pytest.mark.parametrize("preset", ["gsf_resnet14thin", "rubiksnet_mini"])
def test_inferred_and_loaded_from_one_reading(tmp_path, reads, preset):
    path = tmp_path / "a_segment2.pth.tar"
    model = saved(preset, path)
    checkpoint = TorchCheckpoint.read(path)
    found = infer_preset(checkpoint)
    assert found == infer_preset(path)
    assert (found.preset, found.path) == (preset, str(path))
    del reads[:]
    again = from_preset(**found.complete(), input_shape=SHAPE)
    load_torch_checkpoint(again, checkpoint)
    np.testing.assert_array_equal(again(CLIP), model(CLIP))
    # Nothing that one reader does changes what the next one finds.
    assert infer_preset(checkpoint) == found
    assert reads == []


def test_a_path_is_read_once(tmp_path, reads):
    path = tmp_path / "a.pth.tar"
    model = saved("tsn_resnet14thin", path)
    load_torch_checkpoint(model, path)
    assert reads == [str(path)]
    report = initialize_from(from_preset("tsn_resnet14thin", 4, 2, SHAPE), path)
    assert report.new == ("classifier",)
    assert reads == [str(path)] * 2


def test_a_backbone_takes_a_checkpoint(tmp_path, reads):
    path = tmp_path / "a.pth"
    backbone = ResNet50(include_top=False, input_shape=SHAPE)
    state = {"conv1.weight": np.zeros((64, 3, 7, 7), "float32")}
    write_torch_file(state, path)
    checkpoint = TorchCheckpoint.read(path)
    assert checkpoint.is_bare and list(checkpoint.tensors) == ["conv1.weight"]
    with pytest.raises(CheckpointError, match=rf"(?s){path} does not fit.*missing in the file"):
        load_torch_backbone(backbone, checkpoint)
    assert reads == [str(path)]


@exhaustive.MARK
def test_the_program_reads_it_once(tmp_path):
    path = tmp_path / "a_segment2.pth.tar"
    saved("tsn_resnet14thin", path)
    program = (
        "import atexit, runpy\n"
        "from gsf_tf.weights import torch_checkpoint\n"
        "read, paths = torch_checkpoint.read_torch_file, []\n"
        "torch_checkpoint.read_torch_file = lambda path: paths.append(path) or read(path)\n"
        "atexit.register(lambda: print('reads:', len(paths)))\n"
        "runpy.run_module('trainers.convert', run_name='__main__')\n"
    )
    flags = [f"--checkpoint={path}", f"--output={tmp_path}/a.keras", "--image_size=32"]
    command = [sys.executable, "-c", program, *flags]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (tmp_path / "a.keras").exists()
    assert done.stdout.endswith("reads: 1\n")
