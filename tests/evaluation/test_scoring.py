"""Views, batches and devices against the model run on one view at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.evaluation import score_videos
from gsf_tf.models import from_preset

VIDEOS, VIEWS, TASKS = 5, 6, {"verb": 3, "noun": 4, "action": 7}
CLIPS = np.random.default_rng(0).integers(0, 256, (VIDEOS, VIEWS, 2, 32, 32, 3), "uint8")
LABELS = {task: np.arange(VIDEOS, dtype="int32") % n for task, n in TASKS.items()}
IDS = np.array([f"val-00000-of-00001.tfrecord:{i} Küche_{i}".encode() for i in range(VIDEOS)])
NAMES = {task: [f"{task} {i}" for i in range(n)] for task, n in TASKS.items()}


def make_model(num_classes):
    """A tiny Gate-Shift-Fuse network whose classes differ before any training."""
    keras.utils.set_random_seed(0)
    shape = {"num_segments": 2, "input_shape": (32, 32, 3)}
    model = from_preset("gsf_resnet14thin", num_classes, **shape)
    for seed, layer in enumerate(model.layers):
        if layer.name.startswith("classifier"):
            values = np.random.default_rng(seed).normal(size=layer.kernel.shape)
            layer.kernel.assign(values)
    return model


@pytest.fixture(scope="module")
def model():
    return make_model(TASKS)


@pytest.fixture(scope="module")
def expected(model):
    return by_hand(model)


@pytest.fixture(scope="module")
def plain():
    return make_model(7)


def videos(batch_size, clips=CLIPS, labels=LABELS):
    return tf.data.Dataset.from_tensor_slices((clips, labels, IDS)).batch(batch_size)


def by_hand(model, clips=CLIPS):
    """The mean logits of each video, from calls with a single view."""
    rows = [[model(view[None], training=False) for view in video] for video in clips]
    if not isinstance(rows[0][0], dict):
        return np.array([np.mean([view[0] for view in video], axis=0) for video in rows])
    return {
        task: np.array([np.mean([view[task][0] for view in video], axis=0) for video in rows])
        for task in rows[0][0]
    }


@pytest.mark.parametrize(
    ("batch_size", "views_per_step"),
    [(1, 4), (2, 30), (5, 7)],
)
def test_every_view_counts_once(model, expected, batch_size, views_per_step):
    done = []
    scores = score_videos(
        model, videos(batch_size), NAMES, views_per_step=views_per_step, on_step=done.append
    )
    assert scores.ids.tolist() == [name.decode() for name in IDS]
    assert done[-1] == VIDEOS and done == sorted(done)
    for task, logits in expected.items():
        np.testing.assert_allclose(scores.logits[task], logits, atol=1e-4, rtol=1e-4)
        np.testing.assert_array_equal(scores.labels[task], LABELS[task])


def test_one_view_and_one_task(plain):
    data = videos(2, CLIPS[:, 0], LABELS["action"])
    scores = score_videos(plain, data, NAMES["action"], views_per_step=3)
    expected = by_hand(plain, CLIPS[:, :1])
    np.testing.assert_allclose(scores.logits["action"], expected, atol=1e-4, rtol=1e-4)
    assert scores.labels["action"].tolist() == LABELS["action"].tolist()
    assert list(scores.logits) == ["action"]


def test_two_devices_count_every_video_once(plain, tmp_path):
    plain.save(tmp_path / "model.keras")
    # Collectives of several strategies in one process get into each other's way.
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        mirrored = keras.models.load_model(tmp_path / "model.keras")
    scores = score_videos(
        mirrored,
        videos(2, labels=LABELS["action"]),
        NAMES["action"],
        views_per_step=13,  # In the last step the second device has no view of a video.
        strategy=strategy,
    )
    expected = by_hand(plain)
    np.testing.assert_allclose(scores.logits["action"], expected, atol=1e-4, rtol=1e-4)
    assert len(scores) == VIDEOS


def test_a_step_is_traced_once(plain, monkeypatch):
    """The last step, which has fewer views, has the shape of the others."""
    shapes = []
    call = plain.call
    monkeypatch.setattr(plain, "call", lambda *a, **k: shapes.append(a[0].shape) or call(*a, **k))
    score_videos(plain, videos(2, labels=LABELS["action"]), NAMES["action"], views_per_step=4)
    assert shapes == [(4, 2, 32, 32, 3)]


def test_logits_that_are_no_numbers(plain):
    bias = plain.get_layer("classifier").bias
    bias.assign(np.full(7, np.nan))
    try:
        with pytest.raises(UserError, match="5 of 5 videos.*tfrecord:0 Küche_0"):
            score_videos(plain, videos(2, labels=LABELS["action"]), NAMES["action"])
    finally:
        bias.assign(np.zeros(7))


def test_classes_that_do_not_belong_together(plain):
    with pytest.raises(UserError, match=r"outputs \{'action': 7\}, classes \{'action': 3\}"):
        score_videos(plain, videos(2, labels=LABELS["action"]), ["a", "b", "c"])


def test_no_videos(plain):
    with pytest.raises(UserError, match="at least one video"):
        score_videos(plain, videos(2, labels=LABELS["action"]).take(0), NAMES["action"])
