"""Feature vectors of a dataset and their file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.evaluation import Features, extract_features
from gsf_tf.models import SegmentModel

CLIPS = np.random.default_rng(0).integers(0, 256, (5, 2, 3, 8, 8, 3), "uint8")
LABELS = np.array([0, 1, 0, 1, 1], "int32")
IDS = np.array([f"s:{i} ü{i}".encode() for i in range(5)])


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    frames = keras.Input((8, 8, 3))
    backbone = keras.Model(frames, keras.layers.Conv2D(4, 3, activation="relu")(frames))
    return SegmentModel(backbone, 2, num_segments=3)


def videos(batch_size):
    return tf.data.Dataset.from_tensor_slices((CLIPS, LABELS, IDS)).batch(batch_size)


def test_vectors_are_what_the_classifier_reads(model):
    features = extract_features(model, videos(2), ["a", "b"], views_per_step=3)
    assert features.vectors.shape == (5, 4) and len(features) == 5
    assert features.ids.tolist() == [f"s:{i} ü{i}" for i in range(5)]
    np.testing.assert_array_equal(features.labels, LABELS)
    head = model.get_layer("classifier")
    logits = [np.mean(model(views, training=False), axis=0) for views in CLIPS]
    np.testing.assert_allclose(features.vectors @ head.kernel + head.bias, logits, atol=1e-5)
    others = extract_features(model, videos(5), ["a", "b"], views_per_step=16)
    np.testing.assert_allclose(others.vectors, features.vectors, atol=1e-5)


def test_a_file_gives_back_what_was_saved(tmp_path):
    features = Features(np.array(["a", "b ü"]), LABELS[:2], np.eye(2, dtype="float32"), ["x", "y"])
    features.save(tmp_path / "features.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["features.npz"]
    loaded = Features.load(tmp_path / "features.npz")
    assert loaded.ids.tolist() == ["a", "b ü"] and loaded.class_names == ["x", "y"]
    np.testing.assert_array_equal(loaded.vectors, features.vectors)
    np.testing.assert_array_equal(loaded.labels, features.labels)


@pytest.mark.parametrize("content", [None, b"", b"no archive", "scores"])
def test_another_file_is_refused(content, tmp_path):
    path = tmp_path / "features.npz"
    if content == "scores":
        np.savez(path, ids=np.array(["a"]), logits=np.zeros((1, 2)))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="`gsf-tf features` wrote. Received: path="):
        Features.load(path)


def test_shapes_that_do_not_agree_are_refused(model):
    with pytest.raises(ValueError, match="a label and a vector for each id"):
        Features(np.array(["a"]), LABELS[:2], np.eye(2), ["x", "y"])
    with pytest.raises(ValueError, match="in 0..K-1. Received: labels from 0 to 1 for 1 classes"):
        Features(np.array(["a", "b"]), LABELS[:2], np.eye(2), ["x"])
    with pytest.raises(UserError, match="Received: .* a Functional"):
        extract_features(model.backbone, videos(2), ["a", "b"])
