import keras
import pytest

from gsf_tf.training import RUBIKSNET_GROUPS, ParameterGroup
from gsf_tf.training.parameter_group import check_groups, find_group


def variable(layer, name):
    with keras.name_scope(layer):
        return keras.Variable([1.0], name=name)


@pytest.mark.parametrize(
    ("layer", "name", "expected"),
    [
        ("layer1_0_as3", "shift", (0.01, 0.0)),
        ("layer1_0_bn1", "gamma", (1.0, 0.0)),
        ("layer1_0_bn1", "beta", (1.0, 0.0)),
        ("fc", "bias", (1.0, 0.0)),
        ("fc", "kernel", (1.0, 1.0)),
        ("shift", "kernel", (1.0, 1.0)),
        ("bias", "depthwise_kernel", (1.0, 1.0)),
    ],
)
def test_rubiksnet_groups(layer, name, expected):
    group = find_group(variable(layer, name), RUBIKSNET_GROUPS)
    assert (group.learning_rate, group.l2) == expected


def test_the_first_group_that_matches_counts():
    groups = (ParameterGroup("head/", 5.0), ParameterGroup("bias", 2.0))
    assert find_group(variable("head", "bias"), groups).learning_rate == 5.0
    assert find_group(variable("body", "bias"), groups).learning_rate == 2.0
    assert find_group(variable("body", "kernel"), groups).learning_rate == 1.0


@pytest.mark.parametrize(
    "kwargs",
    [
        {"pattern": "("},
        {"pattern": None},
        {"learning_rate": -0.1},
        {"learning_rate": "fast"},
        {"l2": -1},
        {"l2": float("nan")},
    ],
)
def test_bad_arguments(kwargs):
    name, value = next(iter(kwargs.items()))
    with pytest.raises(ValueError, match="Received") as error:
        ParameterGroup(**{"pattern": "bias", **kwargs})
    assert f"{name}={value!r}" in str(error.value)


@pytest.mark.parametrize(
    "groups",
    [
        ParameterGroup("bias"),
        ["bias"],
        {"pattern": "bias"},
        [{"pattern": "bias", "rate": 2.0}],
        [{"l2": 0.0}],
    ],
)
def test_bad_groups(groups):
    with pytest.raises(ValueError, match="`groups` must hold `ParameterGroup`s.*Received: groups="):
        check_groups(groups)
