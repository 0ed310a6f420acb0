"""The model card of an export, and `preprocessing.json` in the hands of a stranger."""

import re

import numpy as np
import pytest

from gsf_tf.data import LabelMap, frames_to_clip
from gsf_tf.export import ModelCard
from gsf_tf.export.clip_recipe import ClipRecipe
from gsf_tf.export.export_folder import write_json
from gsf_tf.export.model_card import write_model_card
from gsf_tf.models import from_preset
from tests.data.video_maker import make_video
from tests.export import stranger


@pytest.fixture(scope="module")
def model():
    return from_preset("tsn_resnet14thin", 3, num_segments=4, input_shape=(48, 64, 3))


def test_what_is_known_and_what_is_not(model, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.bin").write_bytes(bytes(1234))
    evaluation = {"protocol": "efficiency", "data": "a | b", "videos": 12, "top1": 0.5, "top5": 1.0}
    card = ModelCard("My\nmodel", "tsn", data_license="CC BY | 4.0", evaluations=[evaluation])
    labels = LabelMap(["down", "# left", "```"])
    write_model_card(tmp_path, card, model, labels, ClipRecipe(72).describe(model), ["Measured."])
    text = (tmp_path / "README.md").read_text()
    for line in (
        "# My model",
        "| network | tsn |",
        f"| parameters | {model.count_params():,} |",
        "| trained on | not given |",
        "| license of the data | CC BY \\| 4.0 |",
        "| efficiency | a \\| b | 12 | 50.00% | 100.00% |",
        "| 1/model.bin | 1,234 |",
        "1 # left",
        "2 ```",
        "Measured.",
    ):
        assert line in text.splitlines()
    assert "72 pixels" in text and "[1, 4, 48, 64, 3]" in text
    size = (tmp_path / "README.md").stat().st_size
    write_model_card(tmp_path, None, model, labels, ClipRecipe().describe(model), [])
    text = (tmp_path / "README.md").read_text()
    assert "No evaluation of this model is known." in text
    # Of the files, the card of before is one, with its size at that time.
    (row,) = re.findall(r"\| README.md \| ([\d,]+) \|", text)
    assert int(row.replace(",", "")) == size


@pytest.mark.parametrize("sampling", [("segments", None), ("dense", None), ("dense", 3)])
@pytest.mark.parametrize(
    ("num_frames", "height", "width", "turn"),
    [(30, 112, 84, None), (3, 84, 112, None), (40, 100, 60, (0, 1, -1, 0))],
)
def test_a_stranger_makes_the_same_clip(tmp_path, model, sampling, num_frames, height, width, turn):
    """Pillow blends in fixed point, TensorFlow in float32."""
    path = make_video(tmp_path / "a.mp4", num_frames, height, width, display_matrix=turn)
    sampling, frame_stride = sampling
    recipe = ClipRecipe(72, sampling, frame_stride)
    write_json(tmp_path / "preprocessing.json", recipe.describe(model))
    stranger.main(tmp_path / "preprocessing.json", str(path), tmp_path / "clip.npy")
    expected = frames_to_clip(
        path, 4, (48, 64), short_side=72, sampling=sampling, frame_stride=frame_stride
    )
    (clip,) = np.load(tmp_path / "clip.npy")
    assert clip.shape == expected.shape and clip.dtype == expected.dtype
    assert np.abs(clip.astype(int) - expected).max() <= 1
    assert np.ptp(expected) > 100
