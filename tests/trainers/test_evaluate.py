import json
import shutil

import keras
import numpy as np
import pytest

from gsf_tf.data import LabelMap, frames_to_clip
from tests.trainers.conftest import run


def test_scores_every_held_out_clip_once(trained, clips, tmp_path):
    """Against the model run by hand on the video files, one at a time."""
    # So little training may leave one class for all; a random classifier tells clips apart.
    model = keras.models.load_model(trained / "model.keras")
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    shutil.copytree(trained, tmp_path / "run")
    trained = tmp_path / "run"
    model.save(trained / "model.keras")
    output = run("evaluate", f"--workdir={trained}", "--batch_size=5").stdout
    report = json.loads((trained / "eval_efficiency.json").read_text())
    assert report["n"] == 12 and report["split"] == "val"
    assert f"top-1 {report['top1']:.1%}" in output
    confusion = np.array(report["confusion"])
    assert confusion.sum(axis=1).tolist() == [1] * 12
    assert report["top1"] == pytest.approx(np.trace(confusion) / 12)

    labels = LabelMap.load(trained / "labels.txt")
    agreeing = 0
    for index, name in enumerate(labels.names):
        (video,) = (clips / "val" / name).iterdir()
        clip = frames_to_clip(video, 4, (32, 32))
        predicted = int(np.argmax(model(clip[None])))
        agreeing += confusion[index, predicted]
    # Records hold JPEGs, the files do not: one of twelve may change its mind.
    assert agreeing >= 11
    assert (confusion.sum(axis=0) > 0).sum() >= 3
    assert (trained / "confusion.png").stat().st_size > 10_000


def test_the_training_split(trained):
    assert "48 videos" in run("evaluate", f"--workdir={trained}", "--split=train").stdout
    assert json.loads((trained / "eval_efficiency_train.json").read_text())["n"] == 48


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--workdir={trained}", "--split=test"], "train, val"),
        (["--workdir={trained}", "--records=nowhere"], "dataset_info.json"),
        (["--workdir=nowhere"], "Train first"),
    ],
)
def test_bad_input(trained, flags, message):
    process = run("evaluate", *[flag.format(trained=trained) for flag in flags], check=False)
    assert process.returncode == 1
    assert message in process.stderr and "Traceback" not in process.stderr
