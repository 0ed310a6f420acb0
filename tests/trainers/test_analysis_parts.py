"""What a report does with wrong input: the page is written, and says what is not on it."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import rich.progress

from gsf_tf.data import DataError
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Scores
from tests import exhaustive
from tests.trainers.conftest import run
from trainers.analysis_flags import AnalysisOptions
from trainers.analysis_parts import analyze
from trainers.analysis_scores import _mistakes_of
from trainers.analyzed_model import analyzed_models
from trainers.report_folder import ReportFolder


class Progress(rich.progress.Progress):
    """A progress bar that keeps what it has shown."""

    def __init__(self):
        super().__init__(disable=True)
        self.shown = []

    def update(self, task, **values):
        self.shown.append((values.get("info"), values.get("completed")))
        super().update(task, **values)


def report_of(model, folder, parts, progress=None, **options):
    values = {"compare": (), "clips": 1, "layer": None, "groups": None, **options}
    chosen = AnalysisOptions(str(folder), tuple(parts), **values)
    report, page = analyze([model], chosen, progress or Progress(), "gsf-tf analyze")
    assert page.exists()
    return {section.name: section for section in report.sections}


@pytest.fixture(scope="module")
def opened_and_shown(trained, tmp_path_factory):
    """The model of the run, with its scores, and what the bar showed meanwhile."""
    (model,) = analyzed_models([str(trained)], [], None, None, None, 5)
    progress = Progress()
    report_of(model, tmp_path_factory.mktemp("report"), ["gains"], progress)
    return model, progress.shown


@pytest.fixture
def opened(opened_and_shown):
    return opened_and_shown[0]


def notes(section):
    return "\n".join(section.notes)


def test_a_wrong_layer_leaves_out_grad_cam_only(opened, tmp_path):
    section = report_of(opened, tmp_path, ["saliency"], layer="nowhere")["saliency"]
    assert "gsf: no Grad-CAM. `layer` must be the name of a layer" in notes(section)
    assert (tmp_path / "saliency_gsf_1.png").exists()


def test_a_wrong_file_is_found_before_anything_is_scored(trained, opened, tmp_path):
    (model,) = analyzed_models([str(trained)], [], None, None, None, 5)
    five, all_of_them = tmp_path / "five.npz", tmp_path / "all.npz"
    opened.scores.select(range(5)).save(five)
    opened.scores.save(all_of_them)
    with pytest.raises(UserError, match="must be of the same videos.*five.npz lacks"):
        report_of(model, tmp_path / "a", ["gains"], compare=(str(all_of_them), str(five)))
    groups = tmp_path / "groups.csv"
    groups.write_text("moving_left,moving\n")
    with pytest.raises(UserError, match="A file of groups must have every class"):
        report_of(model, tmp_path / "a", ["features"], groups=str(groups))
    assert "scores" not in vars(model) and not (tmp_path / "a").exists()


@exhaustive.MARK
def test_damaged_records_are_named_and_the_page_is_written(trained, records, opened, tmp_path):
    copy = shutil.copytree(records, tmp_path / "records")
    (model,) = analyzed_models([str(trained)], [], None, str(copy), None, 5)
    model.opened = opened.opened
    for shard in copy.glob("val-*.tfrecord"):
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 255
        shard.write_bytes(data)
    with pytest.raises(DataError, match="record .* of .*val-0"):
        report_of(model, tmp_path / "report", ["training"])
    flags = [f"--workdir={trained}", f"--records={copy}", f"--output={tmp_path}/features.npz"]
    process = run("features", *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "val-0" in process.stderr
    # With scores of before the damage.
    model.scores = opened.scores
    sections = report_of(model, tmp_path / "report", ["gates", "training"])
    assert "could not be drawn to its end" in notes(sections["gates"])
    assert "val-0" in notes(sections["gates"]) and sections["training"].items


def test_kept_scores_of_other_clips_are_not_taken(trained, opened, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "gsf")
    (model,) = analyzed_models([str(folder)], [], None, None, None, 5)
    model.opened = opened.opened
    planted = np.eye(12, dtype="float32")[opened.scores.labels["action"]]
    others = np.array([f"{name} of before" for name in opened.scores.ids])
    kept = {"model_sha256": model.opened.sha256, "records": str(model.subject.records)}
    (folder / "eval_efficiency.json").write_text(json.dumps(kept))
    for ids, taken in ((others, False), (opened.scores.ids, True)):
        classes, labels = opened.scores.class_names, opened.scores.labels
        # A multi-task run has further scores.
        Scores(
            ids,
            {"action": planted, "verb": planted},
            {"action": labels["action"], "verb": labels["action"]},
            {"action": classes["action"], "verb": classes["action"]},
        ).save(folder / "scores_efficiency.npz")
        analyzed = dataclasses.replace(model)
        analyzed.opened = opened.opened
        found = analyzed.scores
        assert (found.logits["action"] == planted).all() == taken
        assert found.ids.tolist() == opened.scores.ids.tolist()
        assert list(found.logits) == list(found.labels) == list(found.class_names) == ["action"]


def test_the_bar_moves_while_a_model_scores(opened_and_shown):
    _, shown = opened_and_shown
    assert ("scores of gsf: 12 of 12 videos", 1.0) in shown


@pytest.mark.exhaustive
def test_the_bar_names_the_order_of_the_frames(opened, tmp_path):
    progress = Progress()
    report_of(opened, tmp_path, ["orders"], progress)
    assert ("orders: gsf, reversed", 1) in progress.shown


def test_mistakes_whose_videos_are_gone(opened, tmp_path):
    scores = opened.scores
    gone = np.array([f"{name} of before" for name in scores.ids])
    wrong = np.eye(12, dtype="float32")[(scores.labels["action"] + 1) % 12]
    model = dataclasses.replace(opened)
    model.opened = opened.opened
    model.scores = dataclasses.replace(scores, ids=gone, logits={"action": wrong})
    report = ReportFolder(tmp_path)
    section = report.section("errors", "Errors", "")
    _mistakes_of(model, report)
    assert "the records have none of the videos that it gets wrong" in notes(section)
