"""Networks for frames of another size than in training; test_evaluate.py runs one."""

import ml_collections
import pytest

from gsf_tf.data import DatasetInfo
from gsf_tf.errors import UserError
from gsf_tf.training.resized_model import resized_model


@pytest.mark.parametrize(
    "values",
    [
        {"precision": "float32"},
        {"precision": "float32", "model": 5},
        {"precision": 5, "model": {}},
        {"precision": "float32", "model": {"preset": 3}, "jit_compile": False},
        {
            "precision": "float32",
            "model": {"preset": "gsf_resnet14thin", "other": 1},
            "jit_compile": False,
            "task_weights": {},
        },
    ],
    ids=str,
)
def test_no_network_of_another_size_without_a_configuration(values):
    info = DatasetInfo(["a", "b"], "", {}, "", {})
    with pytest.raises(UserError, match=r"config\.json|config\.model"):
        resized_model(None, ml_collections.ConfigDict(values), info, 4, 32)
