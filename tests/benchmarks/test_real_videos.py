"""The runs behind the rows of docs/real_videos.md."""

import json

import pytest

from benchmarks.demo_runs import workdir
from benchmarks.real_runs import METHODS, check_runs, minutes, variant
from gsf_tf.recipes.fine_tuning import fine_tuning
from trainers.cli import FlagError


def values(row):
    """Returns the configuration that a row trains."""
    run = variant(row, "efficientnetlite0", 112, ("--config.augmentation.flip=0.5",))
    assert run.config.startswith("configs/folder.py:")
    config = fine_tuning(run.config.removeprefix("configs/folder.py:"))
    given = dict(flag.removeprefix("--config.").split("=") for flag in run.flags)
    assert given.pop("augmentation.flip") == "0.5"
    assert given.pop("model.image_size") == "112"
    return config, given


@pytest.mark.parametrize("method", METHODS)
def test_a_method_alone_starts_from_imagenet_weights(method):
    config, given = values(method)
    assert config.model.preset == f"{method}_efficientnetlite0"
    assert config.model.weights == "imagenet" and given["freeze_backbone_epochs"] == "1"
    assert "model.start" not in given


def test_the_other_starts():
    config, given = values("gsf:scratch")
    assert config.model.weights is None and "freeze_backbone_epochs" not in given
    config, given = values("gsf:paper")
    assert config.model.weights == "imagenet" and given["model.start"] == "paper"


@pytest.mark.parametrize("row", ["c3d", "gsf:noise", "gsf:", ""])
def test_an_unknown_row_is_an_error(row):
    with pytest.raises(
        FlagError, match=rf"must name tsn, tsm, gsm, gsf.*Received: --methods={row!r}"
    ):
        variant(row, "efficientnetlite0", 112)


def test_runs_of_another_size_are_not_taken_for_these(tmp_path):
    row = variant("gsf:scratch", "resnet14thin", 112)
    run = workdir(tmp_path, "gsf_scratch", "0")
    run.mkdir(parents=True)
    model = {"preset": "gsf_resnet14thin", "image_size": 112}
    (run / "config.json").write_text(json.dumps({"model": model, "epochs": 4}))
    check_runs(tmp_path, [row], ["0", "1"], {"gsf_scratch": 4})
    with pytest.raises(FlagError, match=r"112, 4\) and .* 112, 6\) is wanted"):
        check_runs(tmp_path, [row], ["0"], {"gsf_scratch": 6})


def test_minutes_are_those_of_the_steps(tmp_path):
    config = {"data": {"batch_size": 8}, "optimizer": {"accumulate_steps": 2}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    steps = [(1, 15, 2.0), (2, 15, 0.0), (3, 30, 4.0)]
    lines = [
        json.dumps({"epoch": epoch, "step": step, "clips_per_second": pace})
        for epoch, step, pace in steps
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    assert minutes(tmp_path) == pytest.approx(15 * 16 / 60 * (1 / 2 + 1 / 4))
