"""`gsf-tf export`: formats, calibration, and flags that do not belong together."""

import json
import shutil

import pytest

from gsf_tf.data import DatasetInfo
from gsf_tf.models import from_preset
from tests import exhaustive
from tests.processors import needs_avx512
from tests.trainers.conftest import run


def is_described(export, records):
    card = (export / "README.md").read_text()
    return "| license of the data | CC BY 4.0 |" in card and str(records) in card


@pytest.fixture
def workdir(trained, tmp_path):
    """A copy of the run without exports."""
    return shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("export*"))


def test_onnx_goes_beside_the_saved_models(workdir, records):
    flags = ("--format=onnx", "--onnx_batch=1", "--data_license=CC BY 4.0")
    process = run("export", f"--workdir={workdir}", *flags)
    onnx = workdir / "export_onnx/1"
    assert (onnx / "1/model.onnx").exists() and is_described(onnx, records)
    assert json.loads((onnx / "export.json").read_text())["batch_size"] == 1
    assert "(opset 17, 1 clips" in process.stdout.replace("\n", " ")


@exhaustive.MARK
def test_litert_and_onnx_go_beside_the_saved_models(workdir, records):
    process = run(
        "export",
        f"--workdir={workdir}",
        "--format=litert,onnx",
        "--litert=float32,int8",
        "--calibration=records",
        "--calibration_clips=3",
        "--data_license=CC BY 4.0",
    )
    lite, onnx = workdir / "export_litert/1", workdir / "export_onnx/1"
    assert is_described(lite, records) and is_described(onnx, records)
    kinds = json.loads((lite / "export.json").read_text())["kinds"]
    assert set(kinds) == {"float32", "int8"}
    assert kinds["float32"]["difference"] < 1e-4
    assert {figures["calibration_clips"] for figures in kinds.values()} == {3}
    for line in ("int8: ", "on 3 clips of the records", "top-1 equal for", "(opset 17, "):
        assert line in process.stdout.replace("\n", " ")


@pytest.mark.parametrize("first_labels", [["another_class"], ["one_more", None]], ids=str)
def test_calibration_with_other_classes(trained, records, tmp_path, first_labels):
    other = shutil.copytree(records, tmp_path / "other")
    file = other / "dataset_info.json"
    info = json.loads(file.read_text())
    first, *rest = info["labels"]
    info["labels"] = [name or first for name in first_labels] + rest
    file.write_text(json.dumps(info))
    assert DatasetInfo.load(str(other)).labels[0] == first_labels[0]
    before = sorted(trained.rglob("*"))
    flags = [f"--workdir={trained}", "--format=litert", f"--calibration={other}"]
    process = run("export", *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    message = " ".join(process.stderr.split())
    assert "must have the labels of the model" in message
    assert f"{len(info['labels'])} labels in {other} ({first_labels[0]}, " in message
    assert sorted(trained.rglob("*")) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--format=saved_model,tensorrt"], "names among saved_model, litert, onnx"),
        (["--litert=int8"], "--litert belongs to --format=litert"),
        (
            ["--calibration=records", "--format=onnx"],
            "--calibration belongs to --format=litert or web",
        ),
        (["--web_kind=float16"], "--web_kind belongs to --format=web"),
        (["--onnx_batch=2"], "--onnx_batch belongs to --format=onnx"),
        (["--precision=bfloat16", "--format=onnx"], "--precision belongs to --format=saved_model"),
    ],
)
def test_flags_that_do_not_fit(flags, message, tmp_path):
    process = run("export", f"--workdir={tmp_path}", *flags, check=False)
    assert process.returncode == 1
    assert message in " ".join(process.stderr.split())


@pytest.mark.exhaustive
@needs_avx512
def test_a_saved_model_in_bfloat16(trained):
    flags = ["--precision=bfloat16", "--calibration=records", "--calibration_clips=3"]
    process = run("export", f"--workdir={trained}", *flags)
    line = process.stdout.replace("\n", " ")
    assert "standard ops only, bfloat16; logits equal" in line
    assert "on 3 clips of the records" in line and "top-1 equal for" in line


@pytest.mark.exhaustive
def test_streaming_formats(tmp_path):
    model = from_preset("tsm_resnet14thin", 3, 2, (32, 32, 3))
    model.save(tmp_path / "m.keras")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    flags = [f"--model={tmp_path}/m.keras", f"--labels={tmp_path}/labels.txt"]
    process = run("export", *flags, "--format=streaming,streaming_litert")
    assert process.stdout.count("answers 4 frames late") == 2
    assert (tmp_path / "export_streaming/1/saved_model.pb").exists()
    recipe = json.loads((tmp_path / "export_streaming_litert/1/streaming.json").read_text())
    assert (recipe["consensus"], recipe["consensus_frames"]) == ("window", 2)
    for name in ("export_streaming", "export_streaming_litert"):
        assert "# m.keras" in (tmp_path / name / "1" / "README.md").read_text().splitlines()


@pytest.mark.exhaustive
def test_a_web_page(tmp_path):
    """What the page does is tested in tests/browser."""
    from_preset("tsm_resnet14thin", 3, 2, (32, 32, 3)).save(tmp_path / "m.keras")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    flags = [f"--model={tmp_path}/m.keras", f"--labels={tmp_path}/labels.txt"]
    process = run("export", *flags, "--format=web", "--web_kind=float16")
    folder = tmp_path / "export_web" / "1"
    assert (
        f"--directory {folder}" in " ".join(process.stdout.split()) and "float16:" in process.stdout
    )
    page = json.loads((folder / "page.json").read_text())
    assert (page["title"], page["labels"], page["model"]) == (
        "m.keras",
        ["a", "b", "c"],
        "float16.tflite",
    )
    assert page["bytes"] == (folder / "float16.tflite").stat().st_size
    assert "python -m http.server" in (folder / "README.md").read_text()
