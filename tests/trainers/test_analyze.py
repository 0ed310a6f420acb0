"""`gsf-tf analyze` and `gsf-tf features` on the tests' short run."""

import base64
import csv
import html.parser
import json
import re
import shutil

import keras
import numpy as np
import pytest

from gsf_tf.evaluation import Features, Scores, class_gains
from gsf_tf.models import from_preset
from tests.data.damage_maker import write_shard
from tests.data.small_records import describe_records, small_records
from tests.trainers.conftest import run
from trainers.analysis_flags import PARTS


def refused(program, *flags):
    """Runs a program that must end with a message, and returns the message."""
    process = run(program, *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr, process.stderr
    return process.stderr


class Page(html.parser.HTMLParser):
    """The tags of a page, checked to be closed, and all that they load."""

    def __init__(self, path):
        super().__init__()
        self.open, self.sources, self.ids, self.text = [], [], [], ""
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if "src" in attributes:
            self.sources.append(attributes["src"])
        if tag == "section":
            self.ids.append(attributes["id"])
        assert tag not in ("script", "link", "iframe")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def other_run(trained, tmp_path):
    """A copy of the run whose classifier is random, and which was evaluated."""
    folder = shutil.copytree(trained, tmp_path / "other")
    model = keras.models.load_model(folder / "model.keras")
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    model.save(folder / "model.keras")
    return folder


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_report_of_one_run(trained, tmp_path):
    output = tmp_path / "report"
    flags = [f"--workdir={trained}", f"--output={output}", "--parts=gains,gates", "--videos=5"]
    process = run("analyze", *flags)
    assert f"Wrote {output / 'index.html'}" in process.stdout
    page = Page(output / "index.html")
    assert page.ids == ["gains", "gates"]
    assert "This part does not apply: it needs two models" in page.text
    # The figure has its three files, and the page has the picture itself.
    assert (output / "gates_gsf.svg").stat().st_size > 1000
    (source,) = page.sources
    assert base64.b64decode(source.split(",")[1]) == (output / "gates_gsf.png").read_bytes()
    # Of the twelve videos every third is counted, so four: four frames with two halves each.
    counts = {}
    for row in read_csv(output / "gates_gsf.csv"):
        counts[row["layer"]] = counts.get(row["layer"], 0) + int(row["count"])
    assert len(counts) == 4 and all(count % (4 * 4 * 2) == 0 for count in counts.values())


@pytest.mark.exhaustive
def test_gains_gates_and_saliency_of_two_runs(trained, other_run, tmp_path):
    output = tmp_path / "report"
    process = run(
        "analyze",
        f"--workdir={trained},{other_run}",
        f"--output={output}",
        "--parts=gains,gates,saliency",
        "--clips=1",
        "--videos=5",
    )
    assert f"Wrote {output / 'index.html'}" in process.stdout
    page = Page(output / "index.html")
    assert page.ids == ["gains", "gates", "saliency"]
    assert "Analysis of gsf, other" in page.text
    # A line of the table at the top for each model: split, videos and classes.
    assert re.findall(r"(gsf|other)\S*records\S*val1212\d+\.\d%", re.sub(r"\s", "", page.text))

    # Every figure has its three files, and the page has the picture itself.
    pictures = sorted(output.glob("*.png"))
    assert [path.name for path in pictures] == [
        "fusion_gsf_1.png",
        "fusion_other_1.png",
        "gains_other_over_gsf.png",
        "gates_gsf.png",
        "gates_other.png",
        "saliency_gsf_1.png",
        "saliency_other_1.png",
    ]
    embedded = [base64.b64decode(source.split(",")[1]) for source in page.sources]
    for path in pictures:
        assert path.with_suffix(".svg").stat().st_size > 1000
        assert path.read_bytes() in embedded
        assert len(read_csv(path.with_suffix(".csv"))) > 1
    for name in ("saliency_gsf_1", "saliency_other_1"):
        assert (output / f"{name}.mp4").read_bytes() in embedded
        assert (output / f"{name}.gif").stat().st_size > 1000

    rows = read_csv(output / "gains_other_over_gsf.csv")
    assert len(rows) == 13 and rows[0]["class"] == "all classes" and rows[0]["videos"] == "12"


@pytest.mark.exhaustive
def test_scores_of_evaluate_are_taken_if_they_are_the_models(other_run, tmp_path):
    run("evaluate", f"--workdir={other_run}")
    file = other_run / "scores_efficiency.npz"
    scores = Scores.load(file)
    # Planted: all right. Only who reads the file can know.
    logits = np.eye(12, dtype="float32")[scores.labels["action"]]
    Scores(scores.ids, {"action": logits}, scores.labels, scores.class_names).save(file)
    flags = [f"--workdir={other_run}", f"--output={tmp_path}/report", "--parts=errors"]
    run("analyze", *flags)
    assert "100.0%" in Page(tmp_path / "report/index.html").text
    assert "other makes no mistake." in Page(tmp_path / "report/index.html").text

    report = json.loads((other_run / "eval_efficiency.json").read_text())
    report["model_sha256"] = "of another model"
    (other_run / "eval_efficiency.json").write_text(json.dumps(report))
    run("analyze", *flags)
    assert "100.0%" not in Page(tmp_path / "report/index.html").text


@pytest.mark.exhaustive
def test_every_part_of_two_runs(trained, other_run, tmp_path):
    output, groups = tmp_path / "report", tmp_path / "groups.csv"
    labels = (trained / "labels.txt").read_text().split()
    groups.write_text("".join(f"{name},{name.split('_')[0]}\n" for name in labels))
    process = run(
        "analyze",
        f"--workdir={trained},{other_run}",
        f"--output={output}",
        f"--groups={groups}",
        "--clips=1",
    )
    page = Page(output / "index.html")
    assert page.ids == list(PARTS)
    for name in ("classes", "confusion", "pairs", "length", "mistakes", "orders", "gates", "tsne"):
        for model in ("gsf", "other"):
            assert (output / f"{name}_{model}.png").exists(), name
            assert (output / f"{name}_{model}.svg").exists(), name
            assert (output / f"{name}_{model}.csv").exists(), name
    for name in ("training_curves", "training_metrics", "trade_off", "gains_other_over_gsf"):
        assert (output / f"{name}.csv").exists()
    # RubiksNet's part does not apply to GSF, and says so.
    assert "shifts: gsf: this part does not apply" in process.stdout
    assert "this part does not apply" in page.text
    assert "The papers have no results on this dataset" in page.text
    found = Features.load(output / "features_gsf.npz")
    assert len(found) == 12
    rows = read_csv(output / "silhouette_gsf.csv")
    # A class has one video, so its silhouette is not defined; the groups have some.
    assert [row["grouping"] for row in rows] == ["class", "group"]
    assert rows[0]["silhouette"] == "not defined" and float(rows[1]["silhouette"]) < 1


@pytest.mark.exhaustive
def test_scores_in_files_are_compared(trained, other_run, tmp_path):
    run("evaluate", f"--workdir={other_run}")
    first = Scores.load(other_run / "scores_efficiency.npz")
    better = Scores(
        first.ids,
        {"action": np.eye(12, dtype="float32")[first.labels["action"]]},
        first.labels,
        first.class_names,
    )
    better.save(tmp_path / "better.npz")
    first.select(range(5)).save(tmp_path / "five.npz")
    flags = [f"--workdir={other_run}", f"--output={tmp_path}/report", "--parts=gains"]
    baseline = other_run / "scores_efficiency.npz"
    run("analyze", *flags, f"--compare={baseline},{tmp_path}/better.npz")
    (file,) = (tmp_path / "report").glob("gains_*.csv")
    overall, _ = class_gains(first, better)
    assert float(read_csv(file)[0]["gain"]) == pytest.approx(overall.gain)

    message = refused("analyze", *flags, f"--compare={baseline},{tmp_path}/five.npz")
    assert "compared must be of the same videos" in message and "five.npz" in message


@pytest.mark.exhaustive
def test_models_of_other_classes_are_refused(trained, tmp_path):
    name = "val-00000-of-00001.tfrecord"
    write_shard(tmp_path / name, small_records(3, 3))
    describe_records(tmp_path, {name: 3}, 3)
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    info["splits"] = {"val": info["splits"]["train"]}
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    model = from_preset("tsn_resnet14thin", 3, num_segments=4, input_shape=(32, 32, 3))
    model.save(tmp_path / "model.keras")
    flags = [f"--model={tmp_path}/model.keras", f"--output={tmp_path}/report"]
    message = refused("analyze", f"--workdir={trained}", *flags, f"--records={tmp_path}")
    assert "A model is used with the label map it was trained on" in message
    assert "has 12 labels" in message and f"{tmp_path} 3 (fingerprint" in message
    assert not (tmp_path / "report" / "index.html").exists()

    # On its own it is analyzed: no temporal layer, one video per class, three videos.
    parts = "--parts=gains,gates,features"
    process = run("analyze", *flags, f"--records={tmp_path}", f"--labels={tmp_path}", parts)
    assert "gains: This part does not apply: it needs two models" in process.stdout
    assert "gates: model.keras: this part does not apply" in process.stdout
    assert "at least 4 vectors" in process.stdout


def test_wrong_flags(tmp_path):
    assert "One of --workdir and --model must be given" in refused("analyze")
    message = refused("analyze", "--workdir=runs/x", "--parts=gate")
    assert "--parts must name parts of the report" in message and "Did you mean 'gates'" in message
    assert "must have a part" in refused("analyze", "--workdir=a", "--parts=gates", "--skip=gates")
    assert "two files of scores" in refused("analyze", "--workdir=a", "--compare=a.npz")
    assert "Received: --output=features.csv" in refused(
        "features", "--workdir=a", "--output=features.csv"
    )
    assert "One of --workdir and --model" in refused("features")


@pytest.mark.exhaustive
def test_features_of_a_split(trained, tmp_path):
    output = tmp_path / "features.npz"
    process = run("features", f"--workdir={trained}", f"--output={output}", "--batch_size=5")
    assert "12 vectors of" in process.stdout
    found = Features.load(output)
    model = keras.models.load_model(trained / "model.keras")
    head = model.get_layer("classifier")
    assert found.vectors.shape == (12, head.kernel.shape[0])
    run("evaluate", f"--workdir={trained}", f"--output={tmp_path}")
    scores = Scores.load(tmp_path / "scores_efficiency.npz")
    assert found.ids.tolist() == scores.ids.tolist()
    np.testing.assert_allclose(
        found.vectors @ head.kernel.numpy() + head.bias.numpy(),
        scores.logits["action"],
        atol=1e-4,
    )
