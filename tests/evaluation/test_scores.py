import csv

import numpy as np
import pytest

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Scores


def make_scores(ids=("a:0 x", "a:1 ü", "a:2 z"), seed=0, tasks=None):
    """Random scores of a model for verb, noun and action."""
    random = np.random.default_rng(seed)
    tasks = tasks or {"verb": 2, "action": 4}
    return Scores(
        np.array(ids),
        {t: random.normal(size=(len(ids), n)).astype("float32") for t, n in tasks.items()},
        {t: (np.arange(len(ids)) % n).astype("int32") for t, n in tasks.items()},
        {t: [f"{t} {i}" for i in range(n)] for t, n in tasks.items()},
    )


def test_a_file_gives_back_what_was_saved(tmp_path):
    scores = make_scores()
    scores.save(tmp_path / "scores_accuracy.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["scores_accuracy.npz"]
    loaded = Scores.load(tmp_path / "scores_accuracy.npz")
    assert loaded.ids.tolist() == scores.ids.tolist()
    assert loaded.class_names == scores.class_names
    for task in ("verb", "action"):
        np.testing.assert_array_equal(loaded.logits[task], scores.logits[task])
        np.testing.assert_array_equal(loaded.labels[task], scores.labels[task])

    # As others may read it, with NumPy alone.
    arrays = np.load(tmp_path / "scores_accuracy.npz")
    np.testing.assert_array_equal(arrays["logits"], scores.logits["action"])
    np.testing.assert_array_equal(arrays["verb_labels"], scores.labels["verb"])
    names = LabelMap(scores.class_names["action"])
    assert str(arrays["label_fingerprint"]) == names.fingerprint


def test_text(tmp_path):
    scores = make_scores()
    scores.save_csv(tmp_path / "scores.csv", "verb")
    with open(tmp_path / "scores.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == scores.ids.tolist()
    assert [row["true"] for row in rows] == ["verb 0", "verb 1", "verb 0"]
    logits = np.array([[float(row["verb 0"]), float(row["verb 1"])] for row in rows])
    np.testing.assert_allclose(logits, scores.logits["verb"], rtol=1e-5)
    assert [row["predicted"] for row in rows] == [f"verb {i}" for i in logits.argmax(axis=1)]


@pytest.mark.parametrize("damage", ["absent", "text", "empty", "foreign", "other_names", "pickle"])
def test_files_that_are_no_scores(tmp_path, damage):
    path = tmp_path / "scores.npz"
    if damage == "text":
        path.write_text("no scores")
    elif damage == "empty":
        path.touch()
    elif damage == "foreign":
        np.savez(path, x=np.zeros(3))
    elif damage == "other_names":
        make_scores().save(path)
        arrays = dict(np.load(path))
        arrays["class_names"] = arrays["class_names"][::-1]
        np.savez(path, **arrays)
    elif damage == "pickle":
        np.savez(path, ids=np.array([{}], object), logits=np.zeros((1, 1)))
    with pytest.raises(UserError, match="`Scores.save` wrote.*scores.npz"):
        Scores.load(path)


def test_shapes_and_ids_are_checked():
    with pytest.raises(ValueError, match="The ids of scores must differ"):
        make_scores(ids=("a", "a"))
    scores = make_scores()
    with pytest.raises(ValueError, match="2 ids"):
        Scores(scores.ids[:2], scores.logits, scores.labels, scores.class_names)
