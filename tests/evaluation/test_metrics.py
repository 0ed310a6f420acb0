import numpy as np
import pytest

from gsf_tf.evaluation import classification_metrics

NAMES = ["a", "b", "c", "d", "e", "f"]


def test_hand_computed_case():
    logits = np.array(
        [
            [9, 0, 0, 0, 0, 0],  # a: right
            [9, 8, 0, 0, 0, 0],  # b: second
            [6, 5, 1, 4, 3, 2],  # c: last, outside the top five
            [0, 0, 9, 0, 0, 0],  # c: right
        ],
        float,
    )
    metrics = classification_metrics(logits, [0, 1, 2, 2], NAMES)
    assert metrics["n"] == 4
    assert metrics["top1"] == 0.5
    assert metrics["top5"] == 0.75
    assert metrics["mean_class_accuracy"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert metrics["per_class"] == {"a": 1, "b": 0, "c": 0.5, "d": None, "e": None, "f": None}
    expected = np.zeros((6, 6), int)
    expected[0, 0], expected[1, 0], expected[2, 0], expected[2, 2] = 1, 1, 1, 1
    assert metrics["confusion"].tolist() == expected.tolist()


def test_top5_with_fewer_classes():
    metrics = classification_metrics(np.eye(2), [1, 0], ["a", "b"])
    assert (metrics["top1"], metrics["top5"]) == (0, 1)


@pytest.mark.parametrize(
    ("logits", "label"), [(np.zeros((0, 6)), []), (np.zeros((2, 5)), [0, 1]), (np.eye(6), [0])]
)
def test_shapes_that_do_not_belong_together(logits, label):
    with pytest.raises(ValueError, match="Received: logits"):
        classification_metrics(logits, label, NAMES)
