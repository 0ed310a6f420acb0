"""Every configuration is what it says, and trains and evaluates on a miniature of its dataset."""

import inspect
import re

import keras
import numpy as np
import pytest

from configs.recipes.defaults import default_config
from gsf_tf.errors import UserError
from gsf_tf.models import from_preset, list_presets
from gsf_tf.training import ParameterGroup
from gsf_tf.training.build_dataset import build_dataset
from gsf_tf.training.build_model import build_model
from gsf_tf.training.build_optimizer import build_optimizer
from gsf_tf.training.steps import evaluation_step, train_step
from tests import exhaustive
from tests.configs.every_config import (
    ALL,
    EXPERIMENTS,
    NAMES,
    REPOSITORY,
    RUNS,
    docstring,
    load,
    module,
)
from tests.configs.miniature import VAL, make_frames, make_records

PROTOCOLS = ("efficiency", "accuracy", "kinetics")
# Every backbone and tier, every dataset and every recipe at least once, Large as it is and with
# attention.
COVERING = {
    ("gsf_bninception_ssv1", "8"),
    ("gsf_inceptionv3_diving48", "8"),
    ("gsf_resnet50_epic100", "8"),
    ("gsf_resnet101_kinetics400", "8"),
    ("tsm_resnet50_kinetics400", "8"),
    ("gsm_bninception_ssv1", "8"),
    ("gsf_studies_ssv1", "table5_tsm"),
    ("rubiksnet_tiny_imagenet", None),
    ("rubiksnet_small_ucf101", "8"),
    ("rubiksnet_medium_ssv2", "8"),
    ("rubiksnet_large_ssv1", "8"),
    ("rubiksnet_large_aq_hmdb51", "8"),
}
# Small, but with maps large enough for batch statistics to mean something.
SIDES = {"inceptionv3": 101}


def flat_keys(config):
    return {key for key, _ in _leaves(config.to_dict())}


def _leaves(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@pytest.mark.parametrize("name", NAMES)
def test_loads_and_is_locked(name):
    config = load(name)
    assert config.is_locked
    for part in (config, config.model, config.optimizer):
        with pytest.raises(AttributeError):
            part.no_such_value = 1
    assert flat_keys(config) >= flat_keys(default_config()) - {"task_weights"}


@pytest.mark.parametrize(("name", "text"), ALL)
def test_describes_an_experiment(name, text):
    config = load(name, text)
    others = flat_keys(config) - flat_keys(default_config())
    assert {key.split(".")[0] for key in others} <= {"model", "task_weights"}
    arguments = set(inspect.signature(from_preset).parameters) - {"num_classes", "input_shape"}
    assert set(config.model) - {"image_size"} <= arguments
    assert config.model.preset in list_presets()
    for group in config.optimizer.groups:
        ParameterGroup(**group)
    assert config.paper.protocol in PROTOCOLS
    assert (config.paper.top1 is None) == (config.paper.source == "")
    if text in ("8", "16"):
        assert config.model.num_segments == int(text)
    if config.init is not None:
        assert config.model.weights is None
        before = load(config.init.removeprefix("runs/"))
        assert _backbone(before) == _backbone(config)


def _backbone(config):
    return config.model.preset.split("_")[1]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_says_what_it_is(name):
    text = docstring(name)
    command = r"python -m trainers\.train --config=configs/(\w+)\.py(:\w+)? (\\\s+)?--workdir=runs/"
    assert re.search(command, text)[1] == name
    assert "Cost: not measured here." in text
    assert "Expected" in text or "gives no figure" in text
    for source, top1, protocol in getattr(module(name), "PAPER", {}).values():
        assert source.split(",")[1].strip() in text and f"{top1} %" in text
        assert protocol in PROTOCOLS


def test_the_covering_set_is_of_what_there_is():
    assert COVERING <= set(RUNS)


def test_the_docs_list_every_experiment():
    text = (REPOSITORY / "docs" / "experiments.md").read_text()
    for name in EXPERIMENTS:
        if hasattr(module(name), "ROWS"):
            assert f"`configs/{name}.py:ROW`" in text
            continue
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        for _, top1, _ in getattr(module(name), "PAPER", {}).values():
            assert str(top1) in line


@pytest.mark.parametrize(
    ("name", "text"),
    [("gsf_resnet50_ssv1", "eight"), ("gsf_resnet50_ssv1", "0"), ("gsf_studies_ssv1", "table9")],
)
def test_a_wrong_text_after_the_colon(name, text):
    with pytest.raises(UserError, match=f"after the colon.*{text}"):
        load(name, text)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Returns a function from a dataset's name to its miniature."""
    frames = make_frames(tmp_path_factory.mktemp("clips") / "frames")
    made = {}

    def records_of(dataset):
        if dataset not in made:
            folder = tmp_path_factory.mktemp(dataset)
            made[dataset] = folder, make_records(dataset, frames, folder)
        return made[dataset]

    return records_of


@pytest.mark.parametrize(("name", "text"), exhaustive.cases(RUNS, COVERING.__contains__))
def test_two_steps_and_one_evaluation(name, text, records):
    config = load(name, text)
    folder, info = records(config.data.records.removeprefix("records/"))
    config.data.records = str(folder)
    config.data.batch_size = 2
    # At the rates of warm-up, steps of some weights would be lost to rounding.
    config.optimizer.reference_batch_size, config.warmup_epochs = 2, 0
    config.init = config.model.weights = None
    config.model.image_size = SIDES.get(_backbone(config), 64)
    config.model.num_segments = min(config.model.num_segments, 2)
    if name != "gsf_bninception_ssv1":
        config.augmentation.rand_augment = 0.0  # Takes seconds to trace.
    keras.utils.set_random_seed(0)
    model = build_model(config, info)
    optimizer = build_optimizer(config, model, steps_per_epoch=2)
    task_weights = config.task_weights.to_dict()
    before = [np.array(variable) for variable in model.trainable_variables]
    batches = build_dataset(config, info, "train", training=True, epoch=1)
    for clip, label, _ in batches:
        sums = train_step(
            model, optimizer, clip, label, global_batch_size=2, label_smoothing=0.0,
            task_weights=task_weights,
        )  # fmt: skip
        assert np.isfinite(sums["loss"]) and sums["loss"] > 0
    assert int(optimizer.iterations) == 2
    moved = [
        np.abs(old - np.array(variable)).max() > 0
        for old, variable in zip(before, model.trainable_variables, strict=True)
    ]
    assert np.mean(moved) > 0.9
    clips = 0
    for clip, label in build_dataset(config, info, "val", training=False):
        sums = evaluation_step(model, clip, label, task_weights)
        assert np.isfinite(sums["loss"])
        clips += int(sums["clips"])
    assert clips == VAL
