import json

import keras
import numpy as np
import pytest

from gsf_tf.data import LabelMap, frames_to_clip
from tests.trainers.conftest import run


def test_scores_every_held_out_clip_once(trained, clips):
    """Against the model run by hand on the video files, one at a time."""
    output = run("evaluate", f"--workdir={trained}", "--batch_size=5").stdout
    report = json.loads((trained / "eval_efficiency.json").read_text())
    assert report["n"] == 12 and report["split"] == "val"
    assert f"top-1 {report['top1']:.1%}" in output
    confusion = np.array(report["confusion"])
    assert confusion.sum(axis=1).tolist() == [1] * 12
    assert report["top1"] == pytest.approx(np.trace(confusion) / 12)

    model = keras.models.load_model(trained / "model.keras")
    labels = LabelMap.load(trained / "labels.txt")
    agreeing = 0
    for index, name in enumerate(labels.names):
        (video,) = (clips / "val" / name).iterdir()
        clip = frames_to_clip(video, 4, (32, 32))
        predicted = int(np.argmax(model(clip[None])))
        agreeing += confusion[index, predicted]
    # Records hold JPEGs, the files do not: one of twelve may change its mind.
    assert agreeing >= 11
    assert (trained / "confusion.png").stat().st_size > 10_000


def test_the_training_split(trained):
    assert "48 videos" in run("evaluate", f"--workdir={trained}", "--split=train").stdout


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
