"""`gsf-tf evaluate --splits`: a run per official split, and the mean of their figures."""

import dataclasses
import json

import numpy as np
import pytest

from gsf_tf.data import DatasetInfo
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Protocol
from gsf_tf.models import from_preset
from gsf_tf.recipes.defaults import default_config
from gsf_tf.workdir import Workdir
from tests import exhaustive
from tests.configs.miniature import VAL, make_frames, make_records
from tests.trainers.conftest import run
from trainers import cli
from trainers.evaluation_report import print_report
from trainers.evaluation_splits import check_splits, evaluate_splits, mean_report

TABLE_3 = {"source": "RubiksNet paper, Table 3", "protocol": "accuracy", "top1": 91.7}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs on miniatures of UCF101's splits 1 and 2; they answer with the first and last class."""
    folder = tmp_path_factory.mktemp("splits")
    frames = make_frames(folder / "frames")
    workdirs = []
    for split in (1, 2):
        records = folder / f"records{split}"
        make_records("ucf101", frames, records)
        info = dataclasses.replace(DatasetInfo.load(str(records)), source=f"UCF101 split {split}")
        info.save(str(records))
        config = default_config()
        config.model.preset = "tsn_resnet14thin"
        config.data.records = str(records)
        config.paper.update(TABLE_3)
        workdir = Workdir(folder / f"run{split}")
        workdir.start(config, info)
        model = from_preset("tsn_resnet14thin", 3, num_segments=1, input_shape=(32, 32, 3))
        bias = np.eye(3)[0 if split == 1 else 2]
        classifier = model.get_layer("classifier")
        classifier.set_weights([np.zeros(classifier.kernel.shape), bias])
        workdir.save_model(model)
        workdirs.append(workdir.path)
    return workdirs


def test_the_report_has_the_mean_beside_the_papers_figure(capsys):
    rows = [
        {"source": f"UCF101 split {split}", "n": n, "top1": top1, "top5": 0.9}
        for split, n, top1 in ((1, 100, 0.9), (3, 50, 0.96))
    ]
    report = mean_report(rows, "ucf101", Protocol(2, 3), {"paper": TABLE_3})
    assert report["top1"] == pytest.approx(0.93) and report["top5"] == pytest.approx(0.9)
    assert (report["n"], report["official_splits"]) == (150, 3)
    assert report["paper"]["difference"] == pytest.approx(0.93 - 0.917)
    print_report(cli.console(), report)
    printed = capsys.readouterr().out
    assert "Mean of 2 splits" in printed and "91.70%" in printed and "93.00%" in printed
    assert "UCF101 split 3: top-1 96.00%" in printed
    assert "The dataset has 3 official splits" in printed


@pytest.mark.exhaustive
def test_each_run_is_evaluated_on_its_own_records(runs, tmp_path):
    results, console = Workdir(tmp_path / "mean"), cli.console()
    name, report = evaluate_splits(runs, results, Protocol(2, 3), console, views_per_step=6)
    assert name == "accuracy_splits"
    own = [json.loads((path / "eval_accuracy.json").read_text()) for path in runs]
    assert [split["top1"] for split in report["splits"]] == [each["top1"] for each in own]
    # The bias decides: one video of three has the first class, and so has one the last class.
    assert report["top1"] == pytest.approx(1 / 3) and report["n"] == 2 * VAL
    assert [each["source"] for each in own] == ["UCF101 split 1", "UCF101 split 2"]
    assert json.loads((results.path / "eval_accuracy_splits.json").read_text()) == report


@pytest.mark.exhaustive
def test_other_models_are_refused(runs, tmp_path):
    workdir = Workdir(runs[1])
    config = workdir.read_config()
    other = Workdir(tmp_path / "other")
    other.path.mkdir()
    for path in workdir.path.iterdir():
        (other.path / path.name).symlink_to(path)
    other.config_file.unlink()
    other.write_json("config", {**config, "model": {**config["model"], "num_segments": 16}})
    with pytest.raises(UserError, match="must have the same model and sampling.*=.*16"):
        evaluate_splits([runs[0], other.path], workdir, Protocol(), None, views_per_step=4)


@pytest.mark.parametrize(
    "sources",
    [
        ("UCF101 split 1", "UCF101 split 1"),
        ("UCF101 split 1", "HMDB51 split 2"),
        ("Diving48 V1", "Diving48 V2"),
        ("folder", "UCF101 split 1"),
        ("other split 1", "other split 2"),
    ],
)
def test_only_different_splits_of_one_dataset(sources):
    with pytest.raises(UserError, match="different splits of one dataset.*Received: a of .*, b of"):
        check_splits(["a", "b"], sources)
    assert check_splits(["a", "b"], ("HMDB51 split 3", "HMDB51 split 1")) == "hmdb51"


EVERY_TIME = ("--splits needs --output", "must name each file once")


@pytest.mark.parametrize(
    ("flags", "message"),
    exhaustive.cases([
        (["--splits=a,b", "--workdir=c", "--output=d"], "Received: --splits and --workdir"),
        (["--splits=a,b"], "--splits needs --output"),
        (["--splits=a,b", "--output=c", "--submission=d.zip"], "--submission and --splits"),
        (["--splits=a,b", "--fuse=c", "--output=d"], "Received: --fuse and --splits"),
        (["--workdir=a", "--fuse_weights=1,2"], "Received: no --fuse"),
        (["--workdir=a", "--supervision=1,2,3"], "Received: no --submission"),
        (["--output=a", "--fuse=b,c", "--fuse_weights=1,x"], "Received: --fuse_weights=1,x"),
        (["--output=a", "--fuse=b,b"], "must name each file once"),
    ], lambda case: case[1] in EVERY_TIME),
)  # fmt: skip
def test_flags_that_do_not_go_together(flags, message):
    process = run("evaluate", *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert message in process.stderr
