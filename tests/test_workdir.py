import json
import resource

import keras
import ml_collections
import pytest

from gsf_tf.data import DatasetInfo
from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.recipes.defaults import default_config
from gsf_tf.workdir import Workdir


def dataset_info(*labels):
    from gsf_tf.data import LabelMap

    return DatasetInfo(
        labels=list(labels),
        label_fingerprint=LabelMap(labels).fingerprint,
        settings={"short_side": 84},
        source_fingerprint="",
        splits={},
    )


def config(**values):
    return ml_collections.ConfigDict({"epochs": 3, "model": {"preset": "x"}, **values})


@pytest.fixture
def workdir(tmp_path):
    """A workdir with a checkpoint, so that there is something to continue."""
    workdir = Workdir(tmp_path / "run")
    workdir.start(config(), dataset_info("down", "up"), [{"name": "shift"}])
    (workdir.checkpoints / "epoch-0001-step-00000006").mkdir(parents=True)
    return workdir


def test_a_run_describes_itself(workdir):
    assert workdir.read_config() == {"epochs": 3, "model": {"preset": "x"}}
    assert workdir.read_labels().names == ("down", "up")
    run = workdir.read_run()
    assert run["label_fingerprint"] == workdir.read_labels().fingerprint
    assert run["records"] == {"short_side": 84, "source_fingerprint": ""}
    assert run["versions"]["keras"] == keras.__version__
    assert run["command"] and run["devices"] and run["time"] and "git_revision" in run
    assert run["temporal_layers"] == [{"name": "shift"}]


def test_the_same_run_continues(workdir):
    workdir.start(config(), dataset_info("down", "up"))
    workdir.start(config(), dataset_info("down", "up"))
    run = workdir.read_run()
    assert [start["command"] for start in run["continued"]] == [run["command"]] * 2


def test_another_configuration_is_refused_with_what_differs(workdir):
    with pytest.raises(UserError, match=r"(?s)epochs: 3 in the workdir, 4 now.*new: '\(absent\)'"):
        workdir.start(config(epochs=4, new=1), dataset_info("down", "up"))


LATER = ("crop_area", "rand_augment_names", "rand_augment_ops", "rand_augment_std",
         "rand_augment_variant")  # fmt: skip


def start_as_before(tmp_path, now):
    """Starts a run with a configuration that lacks the later values; returns its workdir."""
    then = ml_collections.ConfigDict(now.to_dict())
    with then.unlocked():
        del then["init_same_classes"]
        for key in LATER:
            del then.augmentation[key]
    workdir = Workdir(tmp_path / "run")
    workdir.start(then, dataset_info("down", "up"))
    (workdir.checkpoints / "epoch-0001-step-00000006").mkdir(parents=True)
    return workdir


@pytest.mark.parametrize("magnitude", [0.0, 9.0])
def test_a_run_older_than_a_value_continues_as_it_began(tmp_path, magnitude):
    now = default_config()
    now.augmentation.rand_augment = magnitude
    workdir = start_as_before(tmp_path, now)
    if magnitude:
        variant = r"rand_augment_variant: 'keras_cv' in the workdir, 'authors' now\n"
        with pytest.raises(UserError, match=variant):
            workdir.start(now, dataset_info("down", "up"), defaults=default_config())
        now.augmentation.rand_augment_variant = "keras_cv"
    workdir.start(now, dataset_info("down", "up"), defaults=default_config())
    for key, value in {"rand_augment_std": 0.6, "crop_area": (0.1, 1.0)}.items():
        other = ml_collections.ConfigDict(now.to_dict())
        other.augmentation[key] = value
        with pytest.raises(UserError, match=f"augmentation.{key}: .* in the workdir"):
            workdir.start(other, dataset_info("down", "up"), defaults=default_config())


def test_the_figures_of_a_paper_may_be_others_when_a_run_continues(tmp_path):
    """They are printed beside a result, and later versions may know more of them."""
    now = default_config()
    workdir = Workdir(tmp_path / "run")
    workdir.start(now, dataset_info("down", "up"))
    (workdir.checkpoints / "epoch-0001-step-00000006").mkdir(parents=True)
    now.paper.results = ({"source": "a paper", "protocol": "accuracy", "top1": 50.0},)
    workdir.start(now, dataset_info("down", "up"), defaults=default_config())


def test_other_labels_are_refused_with_what_differs(workdir):
    with pytest.raises(UserError, match=r"only in the model: \['up'\]; only there: \['left'\]"):
        workdir.start(config(), dataset_info("down", "left"))


def test_labels_in_another_order_are_refused(workdir):
    with pytest.raises(UserError, match="the order differs"):
        workdir.start(config(), dataset_info("up", "down"))


def test_other_records_are_refused(workdir):
    changed = dataset_info("down", "up")
    changed.settings = {"short_side": 40}
    with pytest.raises(UserError, match="differ in: short_side"):
        workdir.start(config(), changed)


def test_records_without_limits_of_clips_are_those_with_the_default_ones(workdir):
    same = dataset_info("down", "up")
    same.settings = {"short_side": 84, "max_clip_pixels": 300_000_000_000, "max_clip_seconds": 600}
    workdir.start(config(), same)
    same.settings["max_clip_seconds"] = 5
    with pytest.raises(UserError, match="differ in: max_clip_seconds"):
        workdir.start(config(), same)


def test_before_the_first_checkpoint_everything_may_change(tmp_path):
    workdir = Workdir(tmp_path / "run")
    workdir.start(config(), dataset_info("down", "up"))
    workdir.start(config(epochs=4), dataset_info("left", "right"))
    assert workdir.read_config()["epochs"] == 4
    assert workdir.read_labels().names == ("left", "right")
    # A checkpoint that was being written when the process was killed is none.
    (workdir.checkpoints / "epoch-0001-step-00000006.partial").mkdir(parents=True)
    workdir.start(config(epochs=5), dataset_info("left", "right"))


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="`workdir` must be a folder"):
        Workdir(tmp_path / "run").start(config(), dataset_info("down", "up"))


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(UserError, match=r"no config.json. Train first"):
        Workdir(tmp_path).load_model()


def test_a_run_that_has_not_ended(workdir):
    with pytest.raises(UserError, match="has not ended.*train command again"):
        workdir.load_model()


def test_a_damaged_model_file(workdir):
    workdir.model_file.write_bytes(b"PK not a zip")
    with pytest.raises(UserError, match=r"model.keras must be a model .* It is not"):
        workdir.load_model()


def test_a_model_of_other_labels(workdir):
    model = from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    model.save(workdir.model_file)
    with pytest.raises(UserError, match="3 outputs in .* 2 labels in"):
        workdir.load_model()


def test_metrics_of_an_epoch_that_runs_again_are_replaced(workdir):
    for epoch, loss in [(1, 3.0), (2, 2.0), (3, 1.0), (2, 2.5)]:
        workdir.append_metrics({"epoch": epoch, "train/loss": loss})
    assert [(m["epoch"], m["train/loss"]) for m in workdir.read_metrics()] == [(1, 3.0), (2, 2.5)]


def test_a_disk_that_is_full(workdir):
    """A write that really fails: no file may grow beyond some bytes."""
    workdir.append_metrics({"epoch": 1, "train/loss": 3.0})
    # The model's file gets them, too.
    workdir.write_json("config", {"data": {"sampling": "segments", "frame_stride": None}})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(UserError, match="(?s)metrics.jsonl could not be written.*make room"):
            workdir.append_metrics({"epoch": 2, "train/loss": 2.0})
        model = from_preset("tsn_resnet14thin", 2, num_segments=2, input_shape=(32, 32, 3))
        with pytest.raises(UserError, match="model.keras could not be written"):
            workdir.save_model(model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [line["epoch"] for line in workdir.read_metrics()] == [1]
    assert not list(workdir.path.glob("*partial*"))
    assert not list(workdir.path.glob("*.incomplete"))


def test_json_is_written_in_one_piece(workdir):
    path = workdir.write_json("eval_efficiency", {"top1": 0.5})
    assert json.loads(path.read_text()) == {"top1": 0.5}
    assert not list(workdir.path.glob("eval_*.incomplete"))


def test_a_folder_in_the_place_of_a_file(workdir):
    (workdir.path / "eval_accuracy.json" / "notes").mkdir(parents=True)
    with pytest.raises(UserError, match="eval_accuracy.json could not be written.*make room"):
        workdir.write_json("eval_accuracy", {"top1": 0.5})
    assert not list(workdir.path.glob("eval_*.incomplete"))


def test_a_run_of_an_earlier_version_lacks_values_that_were_added_since(workdir):
    """Its config.json counts as having their defaults, and arguments that are None as left out."""
    added = {"init_new": False, "model": {"preset": "x", "last_blocks": None}, "new": {"a": [1]}}
    defaults = ml_collections.ConfigDict({"init_new": False, "new": {"a": (1,)}, "epochs": 60})
    workdir.start(config(**added), dataset_info("down", "up"), defaults=defaults)
    assert "init_new" not in workdir.read_config()
    with pytest.raises(
        UserError, match=r"init_new: '\(absent\)' in the workdir, True now"
    ) as error:
        workdir.start(
            config(**{**added, "init_new": True}), dataset_info("down", "up"), defaults=defaults
        )
    assert "last_blocks" not in str(error.value) and "new.a" not in str(error.value)
    with pytest.raises(UserError, match=r"new.a: '\(absent\)' in the workdir, \[2\] now"):
        workdir.start(
            config(**{**added, "new": {"a": [2]}}), dataset_info("down", "up"), defaults=defaults
        )
    with pytest.raises(UserError, match="epochs: 3 in the workdir, 60 now"):
        workdir.start(config(epochs=60), dataset_info("down", "up"), defaults=defaults)
