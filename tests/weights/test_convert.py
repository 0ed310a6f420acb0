"""`python -m trainers.convert`."""

import shutil

import keras
import numpy as np
import pytest

import gsf_tf
from tests.program_forks import run_program

torch = pytest.importorskip("torch", reason="the converted file is read by PyTorch")


def test_there_and_back(tmp_path):
    model = gsf_tf.models.from_preset("gsf_resnet14thin", 3, 2, (32, 32, 3), channel_ratio=0.25)
    theirs = tmp_path / "demo_resnet14thin_segment2.pth.tar"
    gsf_tf.weights.save_torch_checkpoint(model, theirs)
    ours = tmp_path / "model.keras"
    done = run_program("convert", f"--checkpoint={theirs}", f"--output={ours}", "--image_size=32")
    assert done.returncode == 0, done.stderr
    for text in (
        "preset: gsf_resnet14thin",
        "num_classes: 3",
        "channel_ratio: 0.25",
        "segments: 2",
    ):
        assert text in done.stdout
    clip = np.random.default_rng(0).integers(0, 256, (1, 2, 32, 32, 3), "uint8")
    np.testing.assert_array_equal(keras.models.load_model(ours)(clip), model(clip))

    run, again = tmp_path / "run", tmp_path / "again.pth.tar"
    run.mkdir()
    shutil.copy(ours, run / "model.keras")
    (run / "config.json").write_text("{}")
    (run / "labels.txt").write_text("a\nb\nc\n")
    done = run_program("convert", "--reverse", f"--workdir={run}", f"--output={again}")
    assert done.returncode == 0, done.stderr
    first, second = (
        torch.load(path, weights_only=True)["model_state_dict"] for path in (theirs, again)
    )
    assert list(first) == list(second)
    for name, value in first.items():
        assert torch.equal(value, second[name])


def test_the_studies_of_the_paper(tmp_path):
    places = {"placement": "conv1", "last_blocks": 2, "channel_ratio": 0.5}
    model = gsf_tf.models.from_preset("gsf_resnet14thin", 3, 2, (32, 32, 3), **places)
    theirs = tmp_path / "conv1_segment2.pth.tar"
    gsf_tf.weights.save_torch_checkpoint(model, theirs)
    ours = tmp_path / "model.keras"
    flags = [f"--checkpoint={theirs}", f"--output={ours}", "--image_size=32"]
    done = run_program("convert", *flags, "--placement=conv1", "--last_blocks=2")
    assert done.returncode == 0, done.stderr
    clip = np.random.default_rng(0).integers(0, 256, (1, 2, 32, 32, 3), "uint8")
    np.testing.assert_array_equal(keras.models.load_model(ours)(clip), model(clip))


def test_bad_input(tmp_path):
    model = gsf_tf.models.from_preset("gsf_resnet14thin", 3, 2, (32, 32, 3))
    file = tmp_path / "a.pth.tar"
    gsf_tf.weights.save_torch_checkpoint(model, file)
    ours = f"--output={tmp_path}/a.keras"
    for flags, message in (
        ([f"--checkpoint={file}", ours], "num_segments must be given"),
        (
            [f"--checkpoint={file}", ours, "--num_segments=2", "--num_classes=4"],
            "num_classes is 3 in the file. Received: 4",
        ),
        (
            [f"--checkpoint={file}", ours, "--num_segments=2", "--placement=conv9"],
            "must describe a preset. `placement` must be one of conv3, conv1",
        ),
        ([ours], "--checkpoint=FILE.pth.tar must be given"),
        (["--reverse", f"--output={tmp_path}/b.pth.tar"], "one of --workdir=FOLDER and --model"),
    ):
        done = run_program("convert", *flags)
        assert done.returncode == 1
        assert message in done.stderr and "Traceback" not in done.stderr
