"""Every configuration is what it says, and trains and evaluates on a miniature of its dataset."""

import ast
import dataclasses
import importlib
import inspect
import re
import sys

import keras
import numpy as np
import pytest
from absl import flags
from ml_collections import config_flags

from gsf_tf.data import Augmentation
from gsf_tf.errors import UserError
from gsf_tf.models import from_preset, list_presets
from gsf_tf.recipes.defaults import default_config
from gsf_tf.training import ParameterGroup
from gsf_tf.training.build_dataset import build_augmentation, build_dataset
from gsf_tf.training.build_model import build_model
from gsf_tf.training.build_optimizer import build_optimizer
from gsf_tf.training.steps import evaluation_step, train_step
from tests import exhaustive
from tests.configs.every_config import (
    ALL,
    NAMES,
    OWN,
    REPOSITORY,
    RUNS,
    TABLES,
    load,
    module,
    source,
)
from tests.configs.miniature import VAL, make_frames, make_records

PROTOCOLS = ("efficiency", "accuracy", "kinetics")
# Every recipe, several tasks, images, and every temporal layer but MotionSqueeze at least once.
COVERING = [
    ("gsf", "bninception_ssv1_16f"),
    ("gsf", "resnet50_epic100_16f"),
    ("controls", "tsm_resnet50_kinetics400_8f"),
    ("controls", "gsm_bninception_ssv1_8f"),
    ("controls", "gst_resnet50_ssv1_16f"),
    ("rubiksnet", "tiny_imagenet"),
    ("rubiksnet", "large_aq_hmdb51_8f"),
    ("rubiksnet_studies", "table4_small_fixed_fixed"),
    ("rubiksnet_studies", "table5_quantized"),
]
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


@pytest.mark.parametrize(("name", "row"), [*((name, None) for name in OWN), *ALL])
def test_loads_and_is_locked(name, row):
    config = load(name, row)
    assert config.is_locked
    for part in (config, config.model, config.optimizer):
        with pytest.raises(AttributeError):
            part.no_such_value = 1
    assert flat_keys(config) >= flat_keys(default_config()) - {"task_weights"}


@pytest.mark.parametrize(("name", "row"), ALL)
def test_describes_an_experiment(name, row):
    config = load(name, row)
    others = flat_keys(config) - flat_keys(default_config())
    assert {key.split(".")[0] for key in others} <= {"model", "task_weights"}
    arguments = set(inspect.signature(from_preset).parameters) - {"num_classes", "input_shape"}
    assert set(config.model) - {"image_size"} <= arguments
    assert config.model.preset in list_presets()
    for group in config.optimizer.groups:
        ParameterGroup(**group)
    assert config.paper.protocol in PROTOCOLS
    assert (config.paper.top1 is None) == (config.paper.source == "")
    frames = re.search(r"_(\d+)f$", row)
    default = 1 if row.endswith("_imagenet") else 8
    assert config.model.num_segments == (int(frames[1]) if frames else default)
    if config.init is not None:
        assert config.model.weights is None
        file, before = config.init.removeprefix("runs/").split("_", 1)
        assert before in module(file).ROWS
        assert _backbone(load(file, before)) == _backbone(config)
    elif config.model.weights is not None:
        assert config.model.weights == "imagenet"
        assert list_presets(config.model.preset, pretrained=True) == [config.model.preset]


def test_rubiksnet_has_no_clipping_and_no_dropout():
    """Neither the paper nor the authors' code has; clipping can be set from the command line."""
    rows = [case for case in ALL if case[0] in ("rubiksnet", "rubiksnet_studies")]
    assert rows
    for name, row in rows:
        config = load(name, row)
        assert (config.optimizer.clip_norm, config.model.dropout) == (None, 0.0)
        config.update_from_flattened_dict({"optimizer.clip_norm": 20.0})
        assert config.optimizer.clip_norm == 20.0


@pytest.mark.parametrize(("name", "row"), ALL)
def test_gates_start_as_in_the_papers(name, row):
    config = load(name, row)
    is_gated = config.model.preset.startswith(("gsf_", "gsm_"))
    assert config.model.get("start") == ("paper" if is_gated else None)


def test_gsf_and_tsn_have_the_rand_augment_of_the_authors():
    """timm's `rand-m9-mstd0.5`: two of all 15 operations. The other recipes have none."""
    expected = {"": 9.0, "_std": 0.5, "_ops": 2, "_variant": "authors", "_names": ()}
    found = set()
    for name, row in ALL:
        config = load(name, row)
        method = config.model.preset.split("_")[0]
        if config.augmentation.rand_augment:
            found.add(method)
            for key, value in expected.items():
                assert config.augmentation[f"rand_augment{key}"] == value
        else:
            assert method not in ("gsf", "tsn")
    assert found == {"gsf", "tsn"}


def test_defaults_of_a_configuration_are_those_of_the_library():
    values = default_config().augmentation.to_dict()
    assert values.pop("flip_pairs") is None
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(Augmentation)
        if field.name != "flip_label_map"
    }
    assert values == defaults


def test_every_value_of_the_augmentation_can_be_set_from_the_command_line(monkeypatch):
    line = [
        "program",
        f"--config={REPOSITORY / 'configs' / 'gsf.py'}:resnet50_ssv1_8f",
        "--config.augmentation.rand_augment_variant=keras_cv",
        "--config.augmentation.rand_augment_names=('rotate', 'color')",
        "--config.augmentation.rand_augment_std=1.5",
        "--config.augmentation.rand_augment_ops=3",
        "--config.augmentation.crop=random_resized",
        "--config.augmentation.crop_area=(0.25, 0.5)",
        "--config.augmentation.flip=0",
    ]  # fmt: skip
    # The values of a configuration are looked up there.
    monkeypatch.setattr(sys, "argv", line)
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    values(line)
    augmentation = build_augmentation(values.config, None)
    assert augmentation == Augmentation(
        rand_augment=9.0,
        rand_augment_std=1.5,
        rand_augment_ops=3,
        rand_augment_variant="keras_cv",
        rand_augment_names=("rotate", "color"),
        crop="random_resized",
        crop_area=(0.25, 0.5),
    )


def _backbone(config):
    return config.model.preset.split("_")[1]


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name, row in RUNS if re.search(r"_\d+f$", row)]
)
def test_another_number_of_frames_changes_only_that_and_the_papers_result(name, row):
    listed = load(name, row)
    config = load(name, re.sub(r"_\d+f$", "_13f", row))
    assert config.model.num_segments == 13
    assert (config.paper.source, config.paper.top1) == ("", None)
    config.model.num_segments = listed.model.num_segments
    config.paper = listed.paper
    assert config.to_dict() == listed.to_dict()


@pytest.mark.parametrize(
    ("name", "row", "source", "top1", "protocol"),
    [
        ("gsf", "resnet50_ssv1_16f", "GSF paper, Table 8", 51.54, "efficiency"),
        ("gsf", "inceptionv3_kinetics400_16f", "GSF paper, Table 9", 75.57, "kinetics"),
        ("gsf", "resnet50_epic100_16f", "GSF paper, Table 10", 44.04, "accuracy"),
        ("rubiksnet", "tiny_ssv2_8f", "RubiksNet paper, Table 1", 54.6, "efficiency"),
        ("rubiksnet", "large_aq_ssv2_8f", "RubiksNet paper, Table 5", 61.6, "accuracy"),
        ("gsf_studies", "table7_16", "GSF paper, Table 7", 50.17, "efficiency"),
        ("rubiksnet_studies", "table5_quantized", "RubiksNet paper, Table 5", 58.2, "accuracy"),
        ("gsf", "resnet101_ssv1_8f", "", None, "efficiency"),
    ],
)
def test_has_the_papers_result_with_the_fewest_views(name, row, source, top1, protocol):
    paper = load(name, row).paper
    assert (paper.source, paper.top1, paper.protocol) == (source, top1, protocol)


@pytest.mark.parametrize("name", NAMES)
def test_says_how_to_train(name):
    text = ast.get_docstring(source(name))
    command = re.search(r"gsf-tf train --config=(\w+)(?::(\S+))? [^:]*--workdir=(\S+)", text)
    assert command[1] == name
    load(name, command[2])
    if name in TABLES:
        assert command[3] == f"runs/{name}_{command[2]}"
        assert "None of the rows was trained here, so their cost is not measured." in text


@pytest.mark.parametrize("name", NAMES)
def test_imports_nothing_but_the_library(name):
    """A file is loaded by its path, from a checkout and from an installation."""
    for node in ast.walk(source(name)):
        assert not isinstance(node, ast.Import)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module.split(".")[0] == "gsf_tf"


def test_the_covering_set_is_of_what_there_is():
    assert set(COVERING) <= set(RUNS)


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("gsf", "resnet5_ssv1_12f", r"row='resnet5_ssv1_12f'\. Did you mean 'resnet50_ssv1_12f'"),
        ("gsf", "resnet50_ssv1", r"its number of frames .* Did you mean 'resnet50_ssv1_8f' or"),
        ("rubiksnet", "tiny_imagenet_8f", "and `f`, such as `tiny_kinetics400_8f`"),
        ("gsf", "resnet50_ssv1_0f", r"\(1 or more\) .* Did you mean 'resnet50_ssv1_8f'"),
        ("gsf", "resnet50_ssv1_-8f", "Did you mean 'resnet50_ssv1_8f'"),
        ("gsf", "resnet50_ssv1_08f", "Did you mean 'resnet50_ssv1_8f'"),
        ("gsf", "resnet50_ssv1_8", "Did you mean 'resnet50_ssv1_8f'"),
        ("gsf", "resnet50_ssv1_٨f", "Did you mean 'resnet50_ssv1_8f'"),
        ("gsf", "resnet50_ssv1_8f_8f", "Did you mean 'resnet50_ssv1_8f'"),
        ("gsf", None, "Experiments: bninception_ssv1, .*resnet101_epic100.*Received: row=''"),
        ("rubiksnet", "tiny_imagenet_8f", "without a number of frames: tiny_imagenet, .*'tiny_im"),
        ("rubiksnet", "huge_ssv2_8f", "Experiments: tiny_kinetics400, "),
        ("controls", "gsf_resnet50_ssv1_8f", "Did you mean .*'tsm_resnet50_ssv1_8f'"),
        ("gsf_studies", "table5_gsn", "one of table1_branch1, .* Did you mean .*'table5_gsm'"),
        ("rubiksnet_studies", None, "one of table4_large_learned_learned, .*Received: row=''"),
    ],
)  # fmt: skip
def test_a_wrong_row_lists_the_table_and_the_nearest(name, row, message):
    with pytest.raises(
        UserError, match=f"(?s)After its colon, `config` must name a row.*{message}"
    ):
        load(name, row)


def test_without_ml_collections_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_collections", None)
    monkeypatch.delitem(sys.modules, "gsf_tf.recipes.config_dict", raising=False)
    with pytest.raises(UserError, match=r"`ml_collections`.*pip install 'gsf_tf\[train\]'"):
        importlib.import_module("gsf_tf.recipes.config_dict")


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


@exhaustive.MARK
@pytest.mark.parametrize(("name", "row"), RUNS)
def test_two_steps_and_one_evaluation(name, row, records):
    train_and_evaluate(load(name, row), row, records)


@pytest.mark.parametrize(("name", "row"), COVERING)
def test_two_steps_and_one_evaluation_of_a_smaller_network(name, row, records):
    """The same temporal layers in fewer and narrower blocks: a quarter of the time."""
    config = load(name, row)
    preset = re.sub("^rubiksnet_(tiny|small|large)", "rubiksnet_mini", config.model.preset)
    config.model.preset = re.sub("_(bninception|resnet50)$", "_resnet14thin", preset)
    assert re.fullmatch(r"\w+_resnet14thin|rubiksnet_mini(_\w+)?", config.model.preset)
    train_and_evaluate(config, row, records)


def train_and_evaluate(config, row, records):
    folder, info = records(config.data.records.removeprefix("records/"))
    config.data.records = str(folder)
    config.data.batch_size = 2
    # At the rates of warm-up, steps of some weights would be lost to rounding.
    config.optimizer.reference_batch_size, config.warmup_epochs = 2, 0
    config.init = config.model.weights = None
    config.model.image_size = SIDES.get(_backbone(config), 64)
    config.model.num_segments = min(config.model.num_segments, 2)
    if row != "bninception_ssv1_16f":
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
