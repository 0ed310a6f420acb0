"""`--model` of the programs: a workdir, a .keras file, an export, a checkpoint of the authors."""

import json
import shutil
import types

import keras
import numpy as np
import pytest

from gsf_tf.data import LabelMap
from gsf_tf.evaluation import Protocol, Scores
from gsf_tf.model_description import ModelDescription
from gsf_tf.models.model_file import save_model_file
from gsf_tf.trained import TrainedModel, open_model
from tests import exhaustive
from tests.trainers.conftest import run
from trainers.export_card import model_card
from trainers.paper_figure import find_paper_figure


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    """The model of `trained`, with a classifier that tells clips apart, and as authors keep it."""
    folder = tmp_path_factory.mktemp("any_model")
    shutil.copytree(trained, folder / "run", ignore=shutil.ignore_patterns("export", "eval*"))
    model = keras.models.load_model(trained / "model.keras")
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    model.save(folder / "run" / "model.keras")  # By Keras, which keeps no description.
    run("convert", "--reverse", f"--model={folder / 'run'}", f"--output={folder / 'a.pth.tar'}")
    return folder


@pytest.fixture(scope="module")
def converted(folder, records):
    flags = [f"--model={folder / 'a.pth.tar'}", f"--labels={records}", "--short_side=40"]
    flags += ["--num_segments=4", "--image_size=32", f"--output={folder / 'a.keras'}"]
    output = run("convert", *flags).stdout
    assert "gsf_resnet14thin: 4 frames of 32 x 32 pixels, 12 classes." in output
    return folder / "a.keras"


def test_convert_keeps_what_the_other_programs_need(converted, records):
    description = open_model(converted).description
    assert description.labels == LabelMap.load(str(records / "labels.txt"))
    assert description.preset == {"preset": "gsf_resnet14thin", "channel_ratio": 0.5}
    assert (description.short_side, description.sampling) == (40, "segments")


def test_a_checkpoint_without_a_workdir_has_the_scores_of_the_run(folder, converted, records):
    run("evaluate", f"--workdir={folder / 'run'}", "--clips=2")
    flags = [f"--model={converted}", f"--records={records}", "--clips=2"]
    output = run("evaluate", *flags).stdout
    results = folder / "a.evaluation"
    assert f"Wrote {results / 'eval_2x1.json'}" in output
    ours, theirs = (Scores.load(path / "scores_2x1.npz") for path in (results, folder / "run"))
    assert ours.ids.tolist() == theirs.ids.tolist()
    np.testing.assert_array_equal(ours.logits["action"], theirs.logits["action"])
    report = json.loads((results / "eval_2x1.json").read_text())
    assert report["model"] == str(converted) and report["preset"] == "gsf_resnet14thin"
    assert report["n"] == 12 and report["seed"] is None and report["paper"] is None
    # The card of an export has the evaluations of its own weights only.
    card = model_card(open_model(converted), converted, "CC0", hardened=False)
    (found,) = card.evaluations
    assert found == {
        "protocol": "2x1, 2 x 1 views",
        "data": "folder, val",
        "videos": 12,
        "top1": report["top1"],
        "top5": report["top5"],
    }
    assert (card.network, card.trained_on, card.data_license) == ("gsf_resnet14thin", None, "CC0")
    of_another_model = model_card(open_model(folder / "run"), folder / "run", None, hardened=True)
    assert [e["protocol"] for e in of_another_model.evaluations] == [
        "2x1, 2 x 1 views, before hardening"
    ]
    assert str(records) in of_another_model.trained_on
    # Files of somebody else that have such a name are none.
    others = [results / f"eval_{i}.json" for i in range(4)]
    for other, content in zip(others, ("{", "[1]", '{"model_sha256": 1}', "\xff"), strict=True):
        other.write_text(content, encoding="latin-1")
    card = model_card(open_model(converted), converted, None, hardened=False)
    assert list(card.evaluations) == [found]
    for other in others:
        other.unlink()


@exhaustive.MARK
def test_another_size_of_a_model_without_a_workdir(folder, converted, records):
    flags = ["--num_segments=2", "--image_size=48"]
    run("evaluate", f"--workdir={folder / 'run'}", *flags)
    run("evaluate", f"--model={converted}", f"--records={records}", *flags)
    ours, theirs = (
        Scores.load(path / "scores_efficiency_48px_2f.npz").logits["action"]
        for path in (folder / "a.evaluation", folder / "run")
    )
    np.testing.assert_array_equal(ours, theirs)


def test_an_export_is_evaluated_as_it_is_served(trained, exported, records, tmp_path):
    run("evaluate", f"--workdir={trained}", f"--output={tmp_path / 'run'}")
    flags = [f"--model={exported}", f"--records={records}", f"--output={tmp_path / 'export'}"]
    run("evaluate", *flags, "--batch_size=5")
    ours, theirs = (
        Scores.load(tmp_path / name / "scores_efficiency.npz").logits["action"]
        for name in ("export", "run")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    process = run("evaluate", *flags, "--num_segments=2", check=False)
    assert process.returncode == 1 and "only the graph for serving it" in process.stderr


@exhaustive.MARK
def test_export_and_predict_without_a_workdir(folder, converted, clips, tmp_path):
    run("export", f"--model={converted}", f"--output={tmp_path}")
    assert json.loads((tmp_path / "1/assets/preprocessing.json").read_text())["short_side"] == 40
    video = next((clips / "val" / "growing").iterdir())
    tops = []
    for model in (converted, tmp_path / "1"):
        flags = [f"--model={model}", "--clips=2", "--crops=3", "--json"]
        tops.append(json.loads(run("predict", *flags, video).stdout)["top"])
    assert [name for name, _ in tops[0]] == [name for name, _ in tops[1]]
    for (_, one), (_, other) in zip(*tops, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


@pytest.fixture(scope="module")
def places(folder, converted, exported, records, tmp_path_factory):
    """Paths of models that lack something, by the names that flags have for them."""
    lacking = tmp_path_factory.mktemp("lacking")
    model = keras.models.load_model(folder / "run" / "model.keras")
    save_model_file(model, lacking / "nameless.keras")
    names = ["other", *LabelMap.load(str(records / "labels.txt"))][:12]
    save_model_file(model, lacking / "other.keras", ModelDescription(LabelMap(names)).to_text())
    (lacking / "few.txt").write_text("a\nb\n")
    return {
        "a": converted,
        "run": folder / "run",
        "pth": folder / "a.pth.tar",
        "records": records,
        "exported": exported,
        "nameless": lacking / "nameless.keras",
        "other": lacking / "other.keras",
        "few": lacking / "few.txt",
        "new": lacking / "new.keras",
    }


@pytest.mark.parametrize(
    ("program", "flags", "message"),
    [
        ("evaluate", ["--model={a}"], "needs `records`"),
        ("evaluate", ["--model={run}", "--labels={records}"], "A run has labels of its own"),
        ("evaluate", ["--model={nameless}", "--records={records}"], "`labels` is the flag"),
        ("evaluate", ["--model={other}", "--records={records}"], "only in the model: ['other'"),
        ("evaluate", [], "One of --workdir and --model"),
        ("export", ["--model={nameless}"], "Name them with `labels`"),
        ("export", ["--model={exported}"], "only the graph for serving it"),
        ("export", ["--model={a}", "--workdir={run}"], "One of --model and --workdir"),
        ("predict", ["--model={nameless}", "--labels={few}", "x.mp4"], "12 outputs in"),
        ("predict", ["--model={pth}", "x.mp4"], "`gsf-tf convert` takes what is missing"),
        ("convert", ["--model={exported}", "--output={new}"], "only the graph for serving it"),
        ("convert", ["--model={a}", "--output={new}", "--num_segments=2"], "Leave them out."),
        ("convert", ["--model={a}", "--output={new}", "--frame_stride=2"], "`frame_stride` must"),
        ("convert", ["--model=nowhere.keras", "--output={new}"], "does not exist"),
    ],
)
def test_one_sentence_says_what_to_do(places, program, flags, message):
    process = run(program, *[flag.format(**places) for flag in flags], check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert message in process.stderr, process.stderr
    assert not places["new"].exists()


def test_a_model_gets_labels_and_keeps_its_weights(folder, records, tmp_path):
    model = keras.models.load_model(folder / "run" / "model.keras")
    save_model_file(model, tmp_path / "old.keras")
    flags = [f"--model={tmp_path / 'old.keras'}", f"--output={tmp_path / 'new.keras'}"]
    assert "It keeps no names of classes" in run("convert", *flags).stdout
    run("convert", *flags, f"--labels={records}", "--sampling=dense", "--frame_stride=2")
    opened = open_model(tmp_path / "new.keras")
    assert len(opened.labels) == 12 and opened.description.frame_stride == 2
    for ours, theirs in zip(opened.network.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("preset", "frames", "source", "protocol", "expected"),
    [
        ({"preset": "gsf_resnet50", "channel_ratio": 0.25}, 8, "Something-Something V1", 6, 51.53),
        ({"preset": "gsf_resnet50"}, 8, "Something-Something V1", 1, 50.17),
        ({"preset": "tsm_resnet50"}, 16, "Something-Something V2", 1, 61.2),
        ({"preset": "rubiksnet_tiny"}, 8, "Something-Something V2", 6, 56.7),
        ({"preset": "gsf_resnet50"}, 16, "Kinetics-400", 1, 74.81),
        ({"preset": "gsf_resnet50", "channel_ratio": 0.5}, 8, "Something-Something V1", 6, None),
        ({"preset": "gsf_resnet50", "placement": "conv1"}, 8, "Something-Something V1", 6, None),
        ({"preset": "gsf_resnet50"}, 12, "Something-Something V1", 6, None),
        ({"preset": "gsf_resnet50"}, 8, "folder", 6, None),
        (None, 8, "Something-Something V1", 6, None),
    ],
)
def test_the_paper_of_a_converted_checkpoint(preset, frames, source, protocol, expected):
    """GSF paper, Tables 8 and 9; RubiksNet paper, Table 1."""
    network = types.SimpleNamespace(input_shape=(None, frames, 224, 224, 3))
    opened = TrainedModel("a", network, ModelDescription(preset=preset))
    paper = find_paper_figure(opened, source, Protocol(2, 3) if protocol == 6 else Protocol())
    assert paper.get("top1") == expected
