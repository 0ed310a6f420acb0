"""One place opens every form of a trained model; of exports: tests/trainers/test_any_model.py."""

import json
import shutil
import zipfile

import keras
import ml_collections
import numpy as np
import pytest

from gsf_tf.data import DatasetInfo, LabelMap
from gsf_tf.errors import UserError
from gsf_tf.model_description import ModelDescription, preset_arguments
from gsf_tf.models import from_preset
from gsf_tf.models.model_file import DESCRIPTION, save_model_file
from gsf_tf.trained import open_model
from gsf_tf.training import initialize_from
from gsf_tf.weights import save_torch_checkpoint
from gsf_tf.workdir import Workdir

LABELS = LabelMap(["down", "left", "up"])
DENSE = {"short_side": 48, "sampling": "dense", "frame_stride": 2}
PRESET = {"preset": "tsn_resnet14thin"}


@pytest.fixture(scope="module")
def model():
    return from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))


@pytest.fixture(scope="module")
def run(model, tmp_path_factory):
    """A finished run of the model."""
    workdir = Workdir(tmp_path_factory.mktemp("runs") / "run")
    info = DatasetInfo(list(LABELS), LABELS.fingerprint, {"short_side": 48}, "", {})
    data = {"sampling": "dense", "frame_stride": 2}
    config = {"data": data, "model": {**PRESET, "image_size": 32, "channel_ratio": None}}
    workdir.start(ml_collections.ConfigDict(config), info)
    workdir.save_model(model)
    return workdir


def same_weights(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_a_run_and_its_file_anywhere_know_the_same(run, model, tmp_path):
    shutil.copy(run.model_file, tmp_path / "elsewhere.keras")
    for path in (run.path, run.model_file, tmp_path / "elsewhere.keras"):
        opened = open_model(path)
        assert opened.description == ModelDescription(LABELS, **DENSE, preset=PRESET)
        assert (opened.num_segments, opened.image_size) == (2, (32, 32))
        assert same_weights(opened.network, model) and len(opened.sha256) == 64
        assert not opened.is_served and opened.layers_of is opened.network


def test_a_file_of_a_run_of_an_earlier_version_has_the_labels_of_the_run(run, model, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    older = Workdir(tmp_path / "run")
    save_model_file(model, older.best_model_file)
    save_model_file(model, older.path / "other.keras")
    assert open_model(older.best_model_file).description == older.describe_model()
    # Another name is that of a file that somebody has put there.
    assert open_model(older.path / "other.keras").description.labels is None


def test_a_checkpoint_of_the_authors_without_a_workdir(model, tmp_path):
    path = tmp_path / "authors_segment2.pth.tar"
    whole = from_preset("tsn_resnet14thin", 3, num_segments=2)
    save_torch_checkpoint(whole, path)
    opened = open_model(path)
    assert same_weights(opened.network, whole)
    # The crop of 224 is 224 of 256 parts of the short side.
    assert opened.description == ModelDescription(None, 256, "segments", None, PRESET)
    with pytest.raises(UserError, match="keeps no names of classes. Name them with `labels`"):
        opened.labels  # noqa: B018
    LABELS.save(tmp_path / f"{path.name}.labels.txt")
    assert open_model(path).labels == LABELS
    nameless = tmp_path / "authors.pth.tar"
    shutil.copy(path, nameless)
    with pytest.raises(UserError, match="(?s)num_segments must be given.*`gsf-tf convert` takes"):
        open_model(nameless)


def test_labels_beside_the_only_file_or_given(model, tmp_path):
    file = tmp_path / "a.keras"
    save_model_file(model, file)
    assert open_model(file, LABELS).labels == open_model(model, LABELS).labels == LABELS
    LABELS.save(tmp_path / "labels.txt")
    assert open_model(file).labels == LABELS
    opened = open_model(open_model(file), tmp_path)  # A folder with labels.txt.
    assert opened.labels == LABELS
    shutil.copy(file, tmp_path / "b.keras")
    assert open_model(file).description.labels is None


def test_other_labels_and_another_number(run, model, tmp_path):
    with pytest.raises(UserError, match=r"3 outputs in tsn_resnet14thin, 2 labels. Pass"):
        open_model(model, LabelMap(["down", "up"]))
    swapped = LabelMap(["left", "down", "up"])
    with pytest.raises(UserError, match="the order differs.*Leave `labels` out"):
        open_model(run.model_file, swapped)
    opened = open_model(run.path)
    with pytest.raises(UserError, match=r"only in the model: \['left', 'up'\].*\['right'\]"):
        opened.check_labels(LabelMap(["down", "right"]), "records")
    with pytest.raises(UserError, match="`labels` must be a text file.*does not exist"):
        open_model(model, tmp_path / "nothing.txt")


def test_what_is_no_model(model, tmp_path):
    (tmp_path / "export" / "12").mkdir(parents=True)
    (tmp_path / "export" / "12" / "saved_model.pb").touch()
    (tmp_path / "weights.txt").touch()
    (tmp_path / "bad.keras").write_text("no archive")
    image = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    image.save(tmp_path / "image.keras")
    for name, message in {
        "nowhere": "does not exist. Correct the path",
        ".": "has neither config.json nor saved_model.pb",
        "export": "holds exports. Pass one of them, such as .*export/12.",
        "weights.txt": "is none of these. Rename it",
        "bad.keras": "must hold a model that can be loaded",
        "export/12": "without it .*No such file.*Export the model again",
        "image.keras": r"must (take clips|have one input, a clip)",
    }.items():
        with pytest.raises(UserError, match=message):
            open_model(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "format_version 1"),
        ({"labels": "abc"}, "list of names"),
        ({"labels": ["down", "left", "right"]}, "label_fingerprint"),
        ({"labels": ["a", "a", "b"]}, "must differ"),
        ({"short_side": -1}, "`short_side`"),
        ({"short_side": 1e9}, "`short_side`"),
        ({"sampling": ["dense"]}, "`sampling`"),
        ({"frame_stride": True}, "`frame_stride`"),
        ({"preset": {"preset": "tsn_resnet14thin", "weights": "/etc/passwd"}}, "`preset`"),
        ({"preset": {"preset": "no_such"}}, "`preset`"),
        ({"preset": None, "short_side": None}, "`short_side`"),
        ([], "format_version"),
    ],
    ids=str,
)
def test_a_description_that_is_damaged(changes, message):
    values = json.loads(ModelDescription(LABELS, **DENSE, preset=PRESET).to_text())
    text = json.dumps({**values, **changes} if isinstance(changes, dict) else changes)
    with pytest.raises(ValueError, match=message):
        ModelDescription.from_text(text)


def test_a_description_survives_and_lacks_nothing():
    for description in (ModelDescription(), ModelDescription(LABELS, **DENSE, preset=PRESET)):
        assert ModelDescription.from_text(description.to_text()) == description
        for name in ("short_side", "sampling", "frame_stride", "preset"):
            values = json.loads(description.to_text())
            del values[name]
            with pytest.raises(ValueError, match=f"{name} of its description is missing"):
                ModelDescription.from_text(json.dumps(values))
    assert preset_arguments({"preset": "gsf_resnet50", "dropout": 0.5, "placement": None}) == {
        "preset": "gsf_resnet50"
    }
    assert preset_arguments({"preset": "mine"}) is None


def test_a_hostile_description_in_a_file_is_named(model, tmp_path):
    file = tmp_path / "a.keras"
    for text in ("[" * 100_000, '{"format_version": 1, "labels": {}}', b"\xff"):
        save_model_file(model, file, text)
        with pytest.raises(UserError, match=r"a\.keras"):
            ModelDescription.read(file)
    save_model_file(model, file)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(DESCRIPTION, " " * 10**6, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="compressed"):
        ModelDescription.read(file)
    with pytest.raises(UserError, match="unpack to"):
        open_model(file)


def test_labels_in_a_file_prove_that_the_classes_are_the_same(run, tmp_path):
    shutil.copy(run.model_file, tmp_path / "a.keras")
    target = from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    assert "classifier" in initialize_from(target, tmp_path / "a.keras", LABELS).copied
    others = LabelMap(["down", "left", "right"])
    assert "classifier" in initialize_from(target, tmp_path / "a.keras", others).new
