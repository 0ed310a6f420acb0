import itertools
import json
import os
import pathlib
import shutil

import keras
import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.training.derived_values import scaled_learning_rate
from tests import exhaustive
from tests.trainers.conftest import run, train_flags
from tests.trainers.small_run import newest_state, read_metrics, run_training, small_config


def events_of(workdir):
    """Returns the last value that TensorBoard would show under each name."""
    values = {}
    for file in (workdir / "events").iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                values[value.tag] = float(tf.make_ndarray(value.tensor))
    return values


def test_a_workdir_holds_all_of_a_run(trained):
    metrics = read_metrics(trained)
    assert [line["epoch"] for line in metrics] == [1, 2]
    assert [line["step"] for line in metrics] == [6, 12]
    names = ["train/loss", "train/top1", "train/top5", "val/loss", "val/top1", "val/top5"]
    names += ["lr/base", "clips_per_second", "input/wait_fraction", "gate/magnitude"]
    events = events_of(trained)
    for name in names:
        assert metrics[-1][name] == pytest.approx(events[name], rel=1e-5), name
    assert 0 <= metrics[-1]["input/wait_fraction"] <= 1
    assert all(0 < line["gate/magnitude"] < 1 for line in metrics)
    config = json.loads((trained / "config.json").read_text())
    assert config["model"]["preset"] == "gsf_resnet14thin"
    run_json = json.loads((trained / "run.json").read_text())
    assert run_json["num_classes"] == 12 and run_json["devices"] and run_json["command"]
    layers = run_json["temporal_layers"]
    assert [layer["class"] for layer in layers] == ["GateShiftFuse"] * 4
    assert layers[0]["name"] == "layer1_0_conv3_temporal"
    assert layers[0]["arguments"]["num_segments"] == 4
    assert len((trained / "labels.txt").read_text().split()) == 12
    best = keras.models.load_model(trained / "best.keras")
    final = keras.models.load_model(trained / "model.keras")
    assert best.count_params() == final.count_params()


def test_the_best_checkpoint_is_that_of_the_best_epoch(trained):
    best = newest_state(trained)[1]["best"]
    top1 = [line["val/top1"] for line in read_metrics(trained)]
    assert best["top1"] == max(top1) and best["epoch"] == top1.index(max(top1)) + 1
    assert (trained / "checkpoints" / best["checkpoint"] / "state.json").exists()


def test_a_finished_run_is_finished(trained, records):
    before = read_metrics(trained)
    output = run("train", *train_flags(records, trained, epochs=2)).stdout
    assert "Continuing in epoch 3 after 0 of 6 steps" in output
    assert read_metrics(trained) == before
    assert len(json.loads((trained / "run.json").read_text())["continued"]) >= 1


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--config.model.presset=x"], 'Did you mean "preset"'),
        (["--config=configs/nowhere.py"], "configs/nowhere.py, a path where no file is"),
        (["--config.epochs=9"], "epochs: 2 in the workdir, 9 now"),
    ],
)
def test_bad_flags(trained, records, extra, message):
    process = run("train", *train_flags(records, trained, epochs=2), *extra, check=False)
    assert process.returncode != 0
    assert message in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model.preset": "gsf_resnet14thinn"}, "Did you mean 'gsf_resnet14thin'"),
        ({"warmup_epochs": 2}, "`config.warmup_epochs` must be less than `config.epochs`"),
        ({"precision": "bf16"}, "mixed_bfloat16"),
        ({"data.batch_size": 0}, "`config.data.batch_size` must be at least 1"),
        ({"data.batch_size": 64}, "48 clips and batch_size=64"),
        ({"optimizer.accumulate_steps": 7}, "batch_size=8 times accumulate_steps=7"),
        ({"data.records": "nowhere"}, "dataset_info.json"),
        ({"data.val_split": "test"}, "train, val"),
        ({"data.on_error": "ignore"}, "raise, skip"),
        ({"ema_decay": 1.0}, "`config.ema_decay` must be in"),
        ({"optimizer.momentum": 1.5}, "`config.optimizer` must describe an optimizer"),
        ({"optimizer.clip_variables": "shifts"}, "'all', 'all_but_shifts'"),
        ({"batch_norm.momentum": 1.0}, "`config.batch_norm.momentum` must be in"),
        ({"batch_norm.reestimate_batches": -1}, "reestimate_batches` must be at least 0"),
        ({"batch_norm.frozen": "some"}, "none, all, all_but_first"),
        ({"optimizer.name": "lamb"}, "sgd, adamw"),
        (
            {"optimizer.name": "adamw", "optimizer.shift_normalization": 1.0},
            "`shift_normalization` must be None",
        ),
        ({"optimizer.schedule": "linear"}, "cosine, step"),
        ({"optimizer.schedule": "step", "optimizer.decay_factor": 1.0}, "`factor` must be in"),
        ({"optimizer.decay_at": (0.8, 0.4)}, "in increasing order"),
        ({"optimizer.head_rate": -1.0}, "must be a finite number >= 0"),
        (
            {"optimizer.head_rate": 5.0, "optimizer.groups": ({"pattern": "x"},)},
            "must be 1 where `groups` are given",
        ),
        ({"freeze_backbone_epochs": 2, "model.weights": "x"}, "less than `config.epochs`"),
        ({"freeze_backbone_epochs": 1}, "for a backbone of random weights"),
        ({"early_stopping_epochs": -1}, "early_stopping_epochs` must be at least 0"),
        ({"data.class_balance": "sampling"}, "none, weights"),
        ({"augmentation.flip": 0.5}, "moving_left"),
        ({"augmentation.erasing": 2.0}, "`erasing` must be in 0..1"),
        ({"data.sampling": "sparse"}, "sparse"),
        ({"jit_compile": True, "model.preset": "rubiksnet_mini"}, "RubiksShift3D"),
    ],
)
def test_bad_configuration(records, tmp_path, values, message):
    config = small_config(records)
    if values.get("model.preset") == "rubiksnet_mini":
        config = small_config(records, "rubiksnet_mini")
        del config.model.channel_ratio
    config.update_from_flattened_dict(values)
    with pytest.raises(UserError, match=message):
        run_training(config, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_task_weights_need_parts(records, tmp_path):
    config = small_config(records)
    with config.unlocked():
        config.task_weights = {"verb": 1.0, "action": 1.0}
    with pytest.raises(UserError, match="the records know: none"):
        run_training(config, tmp_path / "run")


def test_a_start_that_failed_does_not_bind_the_workdir(records, tmp_path):
    config = small_config(records, "tsn_resnet14thin", epochs=2)
    config.model.preset = "gsf_resnet5"
    with pytest.raises(UserError):
        run_training(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_records_may_move_but_not_change(trained, clips, records, tmp_path):
    moved, changed = tmp_path / "my [records]", tmp_path / "changed"
    shutil.copytree(records, moved)
    assert "Continuing in epoch 3" in run("train", *train_flags(moved, trained, 2)).stdout
    run("prepare", f"--videos={clips}", f"--output={changed}", "--short_side=40")
    process = run("train", *train_flags(changed, trained, 2), check=False)
    assert process.returncode == 1
    assert "the records it began with" in process.stderr and "short_side" in process.stderr


def test_records_of_another_label_map(trained, clips, tmp_path):
    """The workdir knows its labels; records of other classes are refused by all programs."""
    other_videos, other_records = tmp_path / "videos", tmp_path / "records"
    for split in ("train", "val"):
        for name in ("growing", "shrinking"):
            (other_videos / split).mkdir(parents=True, exist_ok=True)
            (other_videos / split / name).symlink_to(clips / split / name)
    run("prepare", f"--videos={other_videos}", f"--output={other_records}")
    process = run("evaluate", f"--workdir={trained}", f"--records={other_records}", check=False)
    assert process.returncode == 1
    assert "label map it was trained on" in process.stderr
    assert "Traceback" not in process.stderr


def test_dry_run_says_what_would_be_trained_and_writes_a_picture_only(records, tmp_path):
    config = small_config(records, "gsf_resnet14thin", **{"optimizer.accumulate_steps": 3})
    status, output = run_training(config, tmp_path / "run", dry_run=True)
    assert status is None
    assert os.listdir(tmp_path / "run") == ["dry_run.png"]
    for text in (
        "learning rate 0.075 for 24 clips per step (0.05 for 16 clips)",
        "layer4_0_conv3_temporal",
        "526,620 trainable parameters",
        "multiply-accumulates",
        "2 epochs of 2 steps of 3 x 8 clips",
        "0.0075",
    ):
        assert text in output


def test_the_learning_rate_follows_the_batch():
    config = small_config("records", **{"data.batch_size": 64, "optimizer.accumulate_steps": 2})
    assert scaled_learning_rate(config) == pytest.approx(0.05 * 128 / 16)
    config.optimizer.reference_batch_size = 0
    assert scaled_learning_rate(config) == 0.05


@pytest.mark.parametrize(
    ("preset", "precision"),
    exhaustive.cases(
        list(itertools.product(("tsn", "gsf"), ("mixed_float16", "mixed_bfloat16"))),
        lambda case: case == ("tsn", "mixed_float16"),
    ),
)
def test_half_precision_trains(records, tmp_path, preset, precision):
    values = {"precision": precision, "epochs": 1, "warmup_epochs": 0}
    try:
        run_training(small_config(records, f"{preset}_resnet14thin", **values), tmp_path / "run")
    finally:
        keras.config.set_dtype_policy("float32")
    assert 0 < read_metrics(tmp_path / "run")[0]["val/loss"] < 100


def test_the_file_of_pairs_decides_about_mirroring(records, tmp_path):
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("moving_left\tmoving_right\n")
    config = small_config(records, **{"augmentation.flip": 0.5})
    config.augmentation.flip_pairs = str(pairs)
    _, output = run_training(config, tmp_path / "run", dry_run=True)
    assert pathlib.Path(tmp_path / "run" / "dry_run.png").exists() and "Wrote" in output
