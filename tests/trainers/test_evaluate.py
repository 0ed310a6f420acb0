import csv
import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from gsf_tf.data import (
    ClipSource,
    LabelMap,
    RecordSettings,
    frames_to_clip,
    list_annotated_videos,
    video_dataset_from_records,
    write_records,
)
from gsf_tf.evaluation import Features, Predictor, Scores
from gsf_tf.models import from_preset
from gsf_tf.recipes.defaults import default_config
from gsf_tf.workdir import Workdir
from tests.data.video_maker import make_video
from tests.trainers.conftest import run
from trainers.analysis_flags import AnalysisOptions
from trainers.analysis_layers import features
from trainers.analyzed_model import analyzed_models
from trainers.report_folder import ReportFolder

VERBS, NOUNS = ("take", "wash", "cut"), ("cup", "plate")
UPRIGHT = 4  # The number of the video that is higher than wide.


def test_scores_every_held_out_clip_once(trained, clips, tmp_path):
    """Against the model run by hand on the video files, one at a time."""
    # So little training may leave one class for all; a random classifier tells clips apart.
    model = keras.models.load_model(trained / "model.keras")
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    shutil.copytree(trained, tmp_path / "run")
    trained = tmp_path / "run"
    model.save(trained / "model.keras")
    output = run("evaluate", f"--workdir={trained}", "--batch_size=5").stdout
    report = json.loads((trained / "eval_efficiency.json").read_text())
    assert report["n"] == 12 and report["split"] == "val"
    assert f"{report['top1']:.2%}" in output and "12 videos" in output
    confusion = np.load(trained / "confusion_efficiency.npy")
    assert confusion.sum(axis=1).tolist() == [1] * 12
    assert report["top1"] == pytest.approx(np.trace(confusion) / 12)

    labels = LabelMap.load(trained / "labels.txt")
    agreeing = 0
    for index, name in enumerate(labels.names):
        (video,) = (clips / "val" / name).iterdir()
        clip = frames_to_clip(video, 4, (32, 32))
        predicted = int(np.argmax(model(clip[None])))
        agreeing += confusion[index, predicted]
    # Records hold JPEGs, the files do not: one of twelve may change its mind.
    assert agreeing >= 11
    assert (confusion.sum(axis=0) > 0).sum() >= 3
    assert (trained / "confusion_efficiency.png").stat().st_size > 10_000


def test_the_training_split_with_other_views(trained):
    output = run(
        "evaluate", f"--workdir={trained}", "--split=train", "--clips=2", "--scores_csv"
    ).stdout
    assert "48 videos, 2 clip(s) x 1 crop(s)" in output
    report = json.loads((trained / "eval_2x1_train.json").read_text())
    assert report["n"] == 48 and report["paper"] is None
    with open(trained / "scores_2x1_train.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    right = sum(row["true"] == row["predicted"] for row in rows)
    assert len(rows) == 48 and report["top1"] == pytest.approx(right / 48)


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """A finished run of a model for verb, noun and action; a video is damaged, one missing."""
    folder = tmp_path_factory.mktemp("kitchen")
    lines = []
    for number, (verb, noun) in enumerate((v, n) for v in VERBS for n in NOUNS):
        size = {"height": 32, "width": 48 + 16 * number}
        if number == UPRIGHT:
            size = {"height": size["width"], "width": 32}
        make_video(folder / "videos" / f"{number}.mp4", 6 + 3 * number, **size)
        lines.append(f"{number}.mp4 {verb} {noun}\n")
    (folder / "videos" / "6.mp4").write_text("no video")
    lines.append("6.mp4 take cup\n")
    (folder / "list.txt").write_text("".join(lines))
    listing = list_annotated_videos(folder / "videos", folder / "list.txt", tasks=("verb", "noun"))
    listing = dataclasses.replace(
        listing,
        clips=tuple(dataclasses.replace(clip, split="val") for clip in listing.clips),
        missing=(ClipSource("7.mp4", "7.mp4", 0, "val"),),
    )
    settings = RecordSettings(short_side=32, clips_per_shard=4)
    info = write_records(listing, str(folder / "records"), settings)

    config = default_config()
    config.model.preset = "gsf_resnet14thin"
    config.data.records = str(folder / "records")
    config.task_weights = {"verb": 1.0, "noun": 1.0, "action": 1.0}
    table_10 = {"source": "GSF paper, Table 10", "top1": 44.04, "protocol": "accuracy"}
    elsewhere = {**table_10, "source": "another paper", "top1": 12.34, "note": "with audio"}
    config.paper.update(
        {
            **table_10,
            "results": ({**table_10, "verb_top1": 68.76, "note": "from RGB and flow"}, elsewhere),
        }
    )
    config.seed = 3
    workdir = Workdir(folder / "run")
    workdir.start(config, info)
    keras.utils.set_random_seed(0)
    # In alphabetical order, as a file might give them back.
    classes = {"action": 6, "noun": 2, "verb": 3}
    model = from_preset("gsf_resnet14thin", classes, num_segments=2, input_shape=(32, 32, 3))
    for seed, task in enumerate(classes):
        kernel = model.get_layer(f"classifier_{task}").kernel
        kernel.assign(np.random.default_rng(seed).normal(size=kernel.shape))
    workdir.save_model(model)
    shutil.copy(workdir.model_file, workdir.best_model_file)
    return workdir


@pytest.fixture(scope="module")
def accuracy_output(kitchen):
    flags = ("--protocol=accuracy", "--batch_size=4")
    return run("evaluate", f"--workdir={kitchen.path}", *flags).stdout


def test_a_prediction_names_the_action(kitchen):
    video = kitchen.path.parent / "videos" / "3.mp4"
    clip = frames_to_clip(video, 2, (32, 32), short_side=32)
    logits = kitchen.load_model()(clip[None], training=False)["action"][0]
    order = np.argsort(-logits.numpy())[:2]
    top = Predictor(kitchen.path).top(video, 2)
    assert [name for name, _ in top] == [kitchen.read_labels()[index] for index in order]


def report_of(workdir, name):
    report = json.loads((workdir.path / f"eval_{name}.json").read_text())
    # What differs from call to call.
    for key in ("time", "command", "model"):
        report.pop(key)
    return report


def test_two_clips_of_three_crops(kitchen, accuracy_output):
    scores = Scores.load(kitchen.path / "scores_accuracy.npz")
    model = kitchen.load_model()
    dataset = video_dataset_from_records(
        f"{kitchen.read_config()['data']['records']}/val-*.tfrecord",
        num_segments=2,
        batch_size=1,
        image_size=(32, 32),
        num_clips=2,
        num_crops=3,
        clip_ids=True,
        tasks=("verb", "noun"),
    )
    right = []
    for number, (views, label, name) in enumerate(dataset):
        assert scores.ids[number] == name[0].numpy().decode() and views.shape[1] == 6
        for task in ("verb", "noun", "action"):
            single = [model(view[None], training=False)[task][0] for view in views[0]]
            np.testing.assert_allclose(
                scores.logits[task][number], np.mean(single, axis=0), rtol=1e-4, atol=1e-4
            )
            assert scores.labels[task][number] == label[task][0]
        best = {task: scores.logits[task][number].argmax() for task in scores.logits}
        right.append({task: best[task] == int(label[task][0]) for task in best})
    assert len(scores) == len(right) == 6

    report = report_of(kitchen, "accuracy")
    assert report["top1"] == pytest.approx(np.mean([r["action"] for r in right]))
    assert report["verb_top1"] == pytest.approx(np.mean([r["verb"] for r in right]))
    both = np.mean([r["verb"] and r["noun"] for r in right])
    assert report["verb_noun_top1"] == pytest.approx(both)
    assert "verb noun top-1" in accuracy_output


def test_features_of_a_model_of_several_tasks_are_the_actions(kitchen, tmp_path):
    (model,) = analyzed_models([str(kitchen.path)], [], None, None, None, 6)
    report = ReportFolder(tmp_path)
    section = report.section("features", "Features", "")
    features([model], report, AnalysisOptions(str(tmp_path), ("features",), (), 1, None, None))
    assert section.notes == [] and (tmp_path / "pca_run.png").exists()
    found = Features.load(tmp_path / "features_run.npz")
    head = model.network.get_layer("classifier_action")
    clips = np.concatenate([clip.numpy() for clip, _, _ in model.dataset()])
    np.testing.assert_allclose(
        found.vectors @ head.kernel.numpy() + head.bias.numpy(),
        model.network(clips, training=False)["action"],
        atol=1e-4,
    )


@pytest.mark.exhaustive
def test_a_model_of_several_tasks_is_analyzed(kitchen, tmp_path):
    """One run with scores of all tasks, and one without, which are compared by their actions."""
    for name in ("scored", "fresh"):
        shutil.copytree(kitchen.path, tmp_path / name)
    run("evaluate", f"--workdir={tmp_path / 'scored'}")
    output = run(
        "analyze",
        f"--workdir={tmp_path / 'scored'},{tmp_path / 'fresh'}",
        f"--output={tmp_path / 'report'}",
        "--parts=trade_off,gains,saliency,features",
        "--clips=1",
    ).stdout
    assert "could not be drawn" not in output and "is not compared" not in output
    for stem in ("gains_fresh_over_scored", "saliency_scored_1", "pca_fresh"):
        assert (tmp_path / "report" / f"{stem}.png").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--submission={folder}/a.zip", "--supervision=2,3,6"], "three levels of 0 to 5"),
        (["--submission={folder}/a.zip", "--supervision=2,3"], "three levels of 0 to 5"),
        (["--submission={folder}/nowhere/a.zip"], "must be a file in a folder that exists"),
        (["--submission={folder}/a.zip"], "97 verbs and 300 nouns. Received: 6 action, 3 verb"),
    ],
)
def test_a_wrong_submission_is_found_before_the_evaluation(kitchen, tmp_path, flags, message):
    flags = [flag.format(folder=tmp_path) for flag in flags]
    process = run("evaluate", f"--workdir={kitchen.path}", "--clips=7", *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert message in process.stderr
    assert not (kitchen.path / "eval_7x1.json").exists()


def test_crops_of_an_upright_video_along_its_width(kitchen):
    flags = ("--clips=1", "--crops=3", "--crops_along=width", "--batch_size=6")
    run("evaluate", f"--workdir={kitchen.path}", *flags)
    report = report_of(kitchen, "1x3_width")
    assert (report["protocol"], report["crops_along"]) == ("1x3_width", "width")
    scores = Scores.load(kitchen.path / "scores_1x3_width.npz")
    (index,) = (
        i for i, name in enumerate(scores.ids) if name.split(" ")[1].startswith(str(UPRIGHT))
    )
    video = kitchen.path.parent / "videos" / f"{UPRIGHT}.mp4"
    model = kitchen.load_model()
    logits = {}
    for side in ("width", "longer_side"):
        views = frames_to_clip(video, 2, (32, 32), short_side=32, num_crops=3, crops_along=side)
        logits[side] = np.mean(model(views, training=False)["action"], axis=0)
    # The records are JPEGs, which moves logits less than other crops do.
    found = scores.logits["action"][index]
    error = {side: np.abs(found - values).max() for side, values in logits.items()}
    assert error["width"] < error["longer_side"] / 4


def test_the_report_says_what_was_evaluated(kitchen, accuracy_output):
    report = report_of(kitchen, "accuracy")
    assert (report["clips"], report["crops"], report["n"], report["seed"]) == (2, 3, 6, 3)
    assert report["videos"]["missing"] == ["7.mp4"]
    (quarantined,) = report["videos"]["quarantined"]
    assert quarantined["path"] == "6.mp4" and quarantined["reason"]
    assert report["label_fingerprint"] == kitchen.read_labels().fingerprint
    assert len(report["model_sha256"]) == 64 and report["git_revision"]
    paper = report["paper"]
    assert paper["difference"] == pytest.approx(report["top1"] - 0.4404)
    assert "44.04%" in accuracy_output and "GSF paper, Table 10" in accuracy_output
    assert "68.76%" in accuracy_output and "another paper: top-1 12.34%; with" in accuracy_output
    assert "GSF paper, Table 10; from RGB and flow" in accuracy_output
    assert (paper["note"], paper["also"][0]["note"]) == ("from RGB and flow", "with audio")
    assert "1 videos that could not be decoded" in accuracy_output
    for task, classes in (("", 6), ("_verb", 3), ("_noun", 2)):
        with open(kitchen.path / f"per_class_accuracy{task}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == classes and sum(int(row["videos"]) for row in rows) == 6
        confusion = np.load(kitchen.path / f"confusion_accuracy{task}.npy")
        assert [int(row["right"]) for row in rows] == np.diag(confusion).tolist()


def test_other_batches_and_another_file_give_the_same(kitchen, accuracy_output):
    flags = ("--clips=2", "--crops=3", "--batch_size=50", f"--model={kitchen.best_model_file}")
    run("evaluate", f"--workdir={kitchen.path}", *flags)
    assert report_of(kitchen, "accuracy") == report_of(kitchen, "accuracy_best")


def test_frames_of_another_size_and_number(kitchen, tmp_path):
    """The weights that were trained on 2 frames of 32 pixels, on 3 frames of 48."""
    flags = ("--clips=2", "--crops=1", "--full_short_side", "--image_size=48", "--num_segments=3")
    run("evaluate", f"--workdir={kitchen.path}", *flags)
    classes = {"action": 6, "noun": 2, "verb": 3}
    model = from_preset("gsf_resnet14thin", classes, num_segments=3, input_shape=(48, 48, 3))
    model.set_weights(kitchen.load_model().get_weights())
    dataset = video_dataset_from_records(
        f"{kitchen.read_config()['data']['records']}/val-*.tfrecord",
        num_segments=3,
        batch_size=1,
        image_size=48,
        num_clips=2,
        full_short_side=True,
    )
    scores = Scores.load(kitchen.path / "scores_2x1_full_48px_3f.npz")
    for logits, (views, _) in zip(scores.logits["action"], dataset, strict=True):
        expected = model(views[0], training=False)["action"].numpy().mean(axis=0)
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    report = report_of(kitchen, "2x1_full_48px_3f")
    assert (report["image_size"], report["num_segments"]) == ([48, 48], 3)
    assert report["paper"] is None

    shutil.copytree(kitchen.path, tmp_path / "run")
    workdir = Workdir(tmp_path / "run")
    config = workdir.read_config()
    config["model"]["preset"] = "tsm_resnet14thin"
    workdir.write_json("config", config)
    process = run("evaluate", f"--workdir={workdir.path}", "--num_segments=4", check=False)
    assert process.returncode == 1 and "another model; " in process.stderr
    assert "`--num_segments`" in process.stderr or "--num_segments" in process.stderr


def test_fusion(kitchen, accuracy_output, tmp_path):
    first = kitchen.path / "scores_accuracy.npz"
    scores = Scores.load(first)
    random = np.random.default_rng(5)
    logits = {task: random.normal(size=x.shape) for task, x in scores.logits.items()}
    other = dataclasses.replace(scores, logits=logits)
    other.select([3, 1, 2, 0, 5, 4]).save(tmp_path / "other.npz")
    folder = tmp_path / "both" / "models"
    output = run(
        "evaluate", f"--workdir={folder}", f"--fuse={first},{tmp_path / 'other.npz'}"
    ).stdout
    report = json.loads((folder / "eval_fused.json").read_text())
    mean = (scores.logits["action"] + logits["action"]) / 2
    expected = np.mean(mean.argmax(axis=1) == scores.labels["action"])
    assert report["top1"] == pytest.approx(expected) and f"{expected:.2%}" in output
    assert report["n"] == 6 and [len(f["sha256"]) for f in report["fused"]] == [64, 64]
    assert [fused["weight"] for fused in report["fused"]] == [1.0, 1.0]
    np.testing.assert_allclose(
        Scores.load(folder / "scores_fused.npz").logits["action"], mean, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--workdir={trained}", "--split=test"], "train, val"),
        (["--workdir={trained}", "--records=nowhere"], "dataset_info.json"),
        (["--workdir=nowhere"], "Train first"),
        (["--workdir={trained}", "--protocol=accuracy", "--crops=3"], "Leave one of them out"),
        (["--workdir=nowhere", "--fuse=a.npz", "--split=val"], "--fuse and --split"),
        (["--workdir=nowhere", "--fuse=a.npz", "--image_size=9"], "--fuse and --image_size"),
    ],
)
def test_bad_input(trained, flags, message):
    process = run("evaluate", *[flag.format(trained=trained) for flag in flags], check=False)
    assert process.returncode == 1
    assert message in process.stderr and "Traceback" not in process.stderr
