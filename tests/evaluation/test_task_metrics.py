import csv

import numpy as np
import pytest

from gsf_tf.evaluation import classification_metrics, task_metrics
from gsf_tf.evaluation.class_table import save_class_table
from tests.evaluation.test_scores import make_scores


def test_verb_noun_and_action_against_a_loop():
    """EPIC-KITCHENS-100's figures, counted video by video."""
    tasks = {"verb": 6, "noun": 7, "action": 9}
    scores = make_scores([f"v{i}" for i in range(200)], tasks=tasks)
    for task, n in tasks.items():
        scores.labels[task][:] = np.random.default_rng(n).integers(0, n, 200)
        # A third of the videos right, so that all cases occur.
        scores.logits[task][np.arange(0, 200, 3), scores.labels[task][::3]] += 9
    metrics, by_task = task_metrics(scores)

    hits = {name: 0 for name in metrics}
    for video in range(200):
        right = {}
        for task in tasks:
            ranked = sorted(range(tasks[task]), key=lambda c: -scores.logits[task][video, c])
            label = scores.labels[task][video]
            right[task] = ranked[0] == label
            prefix = "" if task == "action" else f"{task}_"
            hits[f"{prefix}top1"] += right[task]
            hits[f"{prefix}top5"] += label in ranked[:5]
        hits["verb_noun_top1"] += right["verb"] and right["noun"]
    for name, count in hits.items():
        if not name.endswith("mean_class_accuracy"):
            assert metrics[name] == pytest.approx(count / 200), name
    assert next(iter(metrics)) == "top1" and by_task["noun"]["top1"] == metrics["noun_top1"]
    recalls = [
        np.mean(scores.logits["verb"][scores.labels["verb"] == verb].argmax(axis=1) == verb)
        for verb in range(6)
    ]
    assert metrics["verb_mean_class_accuracy"] == pytest.approx(np.mean(recalls))


def test_one_task_has_plain_names_only():
    metrics, _ = task_metrics(make_scores(tasks={"action": 4}))
    assert list(metrics) == ["top1", "top5", "mean_class_accuracy"]


def test_class_table(tmp_path):
    logits = np.eye(4)[[0, 1, 1, 0, 2]]
    metrics = classification_metrics(logits, [0, 0, 0, 1, 2], ["a, b", "up", "down", "never"])
    save_class_table(tmp_path / "classes.csv", metrics)
    with open(tmp_path / "classes.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["index", "class", "videos", "right", "accuracy", "taken_for", "times"],
        ["0", "a, b", "3", "1", "0.333333", "up", "2"],
        ["1", "up", "1", "0", "0.000000", "a, b", "1"],
        ["2", "down", "1", "1", "1.000000", "", "0"],
        ["3", "never", "0", "0", "", "", "0"],
    ]
