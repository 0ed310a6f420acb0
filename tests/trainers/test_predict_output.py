"""The rows of `predict` in files: their formats, and how a job that was stopped continues."""

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest

from gsf_tf.errors import UserError
from tests.data.video_maker import make_frames, make_video
from tests.trainers.conftest import run
from trainers import cli
from trainers.predict_inputs import list_videos
from trainers.predict_output import PredictOutput
from trainers.predict_rows import TextRows

FORMATS = ("json", "csv", "parquet")
PROBABILITIES = [float(value) for value in np.float32([0.7, 0.1])]
ROWS = [
    {"video": "a.mp4", "top": [["up", PROBABILITIES[0]], ["down", PROBABILITIES[1]]]},
    {"video": 'two\nlines, "quoted".mp4', "error": 'it is "bad"\nin two lines'},
    {"video": "\udcff \u65e5.mp4", "top": [["up", 0.5], ['d,"own', 0.25]]},
]


def job(form, **values):
    return {
        "model": "m",
        "model_sha256": "0",
        "format": form,
        "top": 2,
        "features": False,
        **values,
    }


def write(path, rows, form, finish=True, **values):
    """Writes the rows that are not there; returns their number."""
    with PredictOutput(path, job(form, **values)) as output:
        left = [row for row in rows if not output.has(row["video"])]
        for row in left:
            output.write(row)
        if finish:
            output.finish()
        assert (output.rows, output.errors) == (len(rows), sum("error" in row for row in rows))
    return len(left)


@pytest.mark.parametrize("form", FORMATS)
def test_a_job_that_was_killed_anywhere_ends_with_the_same_bytes(form, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    write(whole, ROWS, form)
    rows_file = cut if form != "parquet" else tmp_path / "cut.rows.jsonl"
    write(cut, ROWS, form, finish=False)
    data = rows_file.read_bytes()
    for end in range(len(data)):
        rows_file.write_bytes(data[:end])
        write(cut, ROWS, form, finish=False)
        assert rows_file.read_bytes() == data, end
    assert write(cut, ROWS, form) == 0
    assert cut.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {
        *("whole", "whole.job.json", "cut", "cut.job.json")
    }


def test_what_readers_of_the_formats_find(tmp_path):
    for form in FORMATS:
        write(tmp_path / form, ROWS[:2], form)
        write(tmp_path / form, ROWS, form)  # More videos than before.
    assert list(map(json.loads, (tmp_path / "json").read_text().splitlines())) == ROWS
    with open(tmp_path / "csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = list(csv.DictReader(file))
    assert [row["video"] for row in table] == [row["video"] for row in ROWS]
    assert table[1]["error"] == ROWS[1]["error"] and table[1]["class_1"] == ""
    assert (table[2]["class_2"], float(table[2]["probability_2"])) == ('d,"own', 0.25)
    assert [float(table[0][f"probability_{n}"]) for n in (1, 2)] == PROBABILITIES
    rows = pyarrow.parquet.read_table(tmp_path / "parquet").to_pylist()
    assert [row["video"] for row in rows] == [*(r["video"] for r in ROWS[:2]), "\\udcff \u65e5.mp4"]
    assert rows[1]["error"] == ROWS[1]["error"] and rows[1]["classes"] is None
    assert (rows[0]["classes"], rows[0]["probabilities"]) == (["up", "down"], PROBABILITIES)


def test_features_in_every_format(tmp_path):
    vector = [float(value) for value in np.float32([0.1, -2e-8])]
    rows = [{**ROWS[0], "features": vector}, ROWS[1]]
    for form in FORMATS:
        write(tmp_path / form, rows, form, features=True)
    assert json.loads((tmp_path / "json").read_text().splitlines()[0])["features"] == vector
    with open(tmp_path / "csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert json.loads(table[0]["features"]) == vector and table[1]["features"] == ""
    rows = pyarrow.parquet.read_table(tmp_path / "parquet").to_pylist()
    assert rows[0]["features"] == vector and rows[1]["features"] is None


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_another_model_and_files_of_others_are_not_touched(form, tmp_path):
    path = tmp_path / "rows"
    write(path, ROWS, form)
    before = path.read_bytes()
    with pytest.raises(UserError, match="top: 2 there, 3 now. Choose another name"):
        write(path, ROWS, form, top=3)
    with pytest.raises(UserError, match="model_sha256: '0' there, '1' now"):
        write(path, ROWS, form, model_sha256="1")
    assert write(path, ROWS, form, model="where it has moved") == 0
    (tmp_path / "rows.job.json").unlink()
    with pytest.raises(UserError, match="must not exist yet, or be a file that `gsf-tf predict`"):
        write(path, ROWS, form)
    assert path.read_bytes() == before


def test_a_second_process_and_a_damaged_row(tmp_path):
    path = tmp_path / "rows.jsonl"
    with PredictOutput(path, job("json")) as output:
        output.write(ROWS[0])
        settings = path.with_name("rows.jsonl.job.json").read_bytes()
        with (
            pytest.raises(UserError, match="another process writes"),
            PredictOutput(path, job("json", top=3)),
        ):
            pass
        assert path.with_name("rows.jsonl.job.json").read_bytes() == settings
    path.write_text('{"top": 1}\n' + path.read_text())
    with pytest.raises(UserError, match="damaged behind byte 0"):
        write(path, ROWS, "json")
    path = tmp_path / "rows.parquet"
    write(path, ROWS, "parquet")
    path.write_bytes(b"PAR1")
    with pytest.raises(UserError, match="must be a Parquet file"):
        write(path, ROWS, "parquet")


def test_text_shows_what_cannot_be_printed():
    text = TextRows("text", 2, False).text(ROWS[2])
    assert text == '\\udcff \u65e5.mp4\n   50.0%  up\n   25.0%  d,"own\n'


# ---- Which videos --------------------------------------------------------------------------------


def test_files_folders_lists_and_patterns(tmp_path, monkeypatch):
    for name in ("b.mp4", "a[1].MOV", "a1.MOV", "deep/er/c.png", "deep/notes.txt", "empty/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    make_frames(tmp_path / "deep" / "frames", 2)
    (tmp_path / "list.txt").write_bytes(b"b.mp4\r\n\r\n caf\xe9 *.mp4\n")
    monkeypatch.chdir(tmp_path)
    # In the folder itself first, as `ls -R` shows it.
    everything = ["./a1.MOV", "./a[1].MOV", "./b.mp4", "./deep/er/c.png", "./deep/frames"]
    assert list_videos(["."], [], []) == everything
    assert list_videos(["deep/frames", "empty", "a[1].MOV", "no*"], [], []) == [
        *("deep/frames", "empty", "a[1].MOV", "no*")
    ]
    assert list_videos([], ["list.txt"], ["a*.MOV", "**/*.png"]) == [
        *("b.mp4", " caf\udce9 *.mp4", "a1.MOV", "a[1].MOV", "deep/er/c.png")
    ]
    for arguments, message in {
        (("x.txt",), ()): "--list must be a text file",
        ((), ("a[1].MOV.*",)): "matches none",
        ((), ()): "at least one video",
    }.items():
        with pytest.raises(cli.FlagError, match=message):
            list_videos([], *arguments)


# ---- The program ---------------------------------------------------------------------------------


def test_a_job_of_the_program_continues(trained, tmp_path):
    """Stopped in the middle of a row: the row is made again, and not one is lost or doubled."""
    videos = tmp_path / "videos"
    for number in range(3):
        make_video(videos / f"{number}.mp4", 5 + number)
    (videos / "3.mp4").write_text("no video")
    flags = [f"--model={trained}", "--features", "--decoders=2", f"--output={tmp_path}/rows.jsonl"]
    first = run("predict", *flags, videos, check=False)
    assert first.returncode == 1 and "4 rows, 1 of them errors" in first.stderr
    assert first.stdout == ""
    whole = (tmp_path / "rows.jsonl").read_bytes()
    rows = list(map(json.loads, whole.splitlines()))
    assert [row["video"] for row in rows] == [f"{videos}/{number}.mp4" for number in range(4)]
    assert len(rows[0]["features"]) == 512 and len(rows[0]["top"]) == 5 and rows[3]["error"]
    (tmp_path / "rows.jsonl").write_bytes(whole[: len(whole) // 2])
    again = run("predict", *flags, videos, f"{videos}/0.mp4", check=False)
    assert again.returncode == 1 and "of 4 videos have their rows" in again.stderr
    assert (tmp_path / "rows.jsonl").read_bytes() == whole


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output=a.txt"], "--output must end in .jsonl, .csv, .parquet"),
        (["--output=a.csv", "--json"], "must agree"),
        (["--format=parquet"], "Parquet is not printed"),
        (["--features"], "--features are not printed as text"),
        (["--output=nowhere/a.csv", "--format=text"], "text is only printed"),
    ],
)
def test_flags_that_do_not_fit(flags, message):
    process = run("predict", "--model=m", *flags, "x.mp4", check=False)
    assert process.returncode == 1 and message in process.stderr
    assert "Traceback" not in process.stderr
