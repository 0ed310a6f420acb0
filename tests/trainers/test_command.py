"""The console command `gsf-tf`, its help, and what it prints when something is missing or wrong."""

import ast
import io
import os
import re
import subprocess
import sys

import pytest
from rich.table import Table

from gsf_tf.data import OFFICIAL_DATASETS
from gsf_tf.data.listing.video_folder import _SPLIT_FOLDERS
from gsf_tf.data.pipeline.clip_rule import SAMPLING
from gsf_tf.data.pipeline.cropping import CROPS_ALONG
from gsf_tf.evaluation.fusion import MEANS
from gsf_tf.evaluation.protocol import PROTOCOLS
from gsf_tf.export.litert import LITERT_KINDS
from gsf_tf.export.saved_model import PRECISIONS
from gsf_tf.trained.label_file import TORCH_FORMATS
from tests import exhaustive
from tests.program_forks import REPOSITORY
from tests.trainers.conftest import run
from trainers import cli
from trainers.command import COMMANDS, usage
from trainers.config_flag import config_names

# All that takes long to import.
SLOW = {"tensorflow", "keras", "gsf_tf", "matplotlib", "sklearn", "rich"}

# Runs the command as its console script does, and prints at the end which modules were imported.
CODE = """
import atexit, sys
for name in {blocked}:
    sys.modules[name] = None
atexit.register(lambda: print("imported", *sorted(sys.modules.keys() & {slow})))
from trainers.command import main
sys.exit(main())
"""


def gsf_tf(*arguments, blocked=(), cwd=REPOSITORY):
    """Runs `gsf-tf` in a process of its own, in which the `blocked` packages are not installed."""
    code = CODE.format(blocked=list(blocked), slow=SLOW)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], []])
def test_help_lists_the_commands_in_the_order_of_the_work(arguments):
    process = gsf_tf(*arguments)
    assert process.returncode == 0 and process.stderr == ""
    places = [process.stdout.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert process.stdout.splitlines()[-1] == "imported"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "doctor"])
def test_help_of_a_command_teaches_and_imports_nothing_slow(name):
    process = gsf_tf(name, "--help")
    assert process.returncode == 0 and process.stderr == ""
    assert f"\n  gsf-tf {name} " in process.stdout.replace("\n    ", "\n  ")
    assert "python -m" not in process.stdout
    assert "\nFlags:\n  --" in process.stdout
    assert process.stdout.splitlines()[-1] == "imported"


def test_help_before_or_after_the_command_is_the_same():
    assert gsf_tf("help", "export").stdout == gsf_tf("export", "--help").stdout


def test_doctor():
    process = gsf_tf("doctor", "--help")
    assert process.returncode == 0
    assert process.stdout.startswith("usage: gsf-tf doctor")


def test_version():
    process = gsf_tf("--version")
    assert process.returncode == 0 and process.stdout.startswith("gsf-tf ")


def test_unknown_command_suggests_the_nearest():
    process = gsf_tf("trian", "--config=smoke")
    assert process.returncode == 2
    assert "Received: trian. Did you mean 'train'?" in process.stderr
    assert "must be a command: prepare, inspect, train" in process.stderr
    assert "Received: PREPARE. Did you mean 'prepare'?" in gsf_tf("PREPARE").stderr


@pytest.mark.parametrize(
    ("config", "messages"),
    [
        ("gfs:resnet50_ssv1_8f", ["a name that none of them has", "Did you mean 'gsf'?"]),
        ("elsewhere/gsf.py:row", ["a path where no file is", "Did you mean 'gsf'?"]),
        ("help", [", ".join(config_names())]),
    ],
)
def test_unknown_configuration_lists_those_that_exist(config, messages, tmp_path):
    process = gsf_tf("train", f"--config={config}", f"--workdir={tmp_path}")
    assert process.returncode == 1 and "Traceback" not in process.stderr
    for message in [*messages, "smoke"]:
        assert message in process.stderr
    assert process.stdout.splitlines()[-1] == "imported"


def test_unknown_row_lists_the_rows_and_names_the_flag(tmp_path):
    process = run("train", "--config=gsf:help", f"--workdir={tmp_path}", check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "resnet50_ssv1" in process.stderr
    assert "`config` is the flag --config." in process.stderr


@pytest.mark.parametrize(
    "config", ["gsf:resnet50_ssv1_8f", "configs/gsf.py:resnet50_ssv1_8f", "smoke"]
)
def test_configuration_by_name_or_path(config, tmp_path):
    flags = [f"--config.data.records={tmp_path}", "--config.data.demo_clips=0"]
    process = run("train", f"--config={config}", *flags, f"--workdir={tmp_path}", check=False)
    # It was found: only the records are missing.
    assert process.returncode == 1 and "dataset_info.json" in process.stderr


@pytest.mark.parametrize(
    ("file", "row"), [("12:30.py", ""), ("a:b/my:own.py", ":7"), ("[a].py", ":")]
)
def test_the_path_of_a_configuration_may_hold_a_colon(file, row, tmp_path):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "from gsf_tf.recipes.defaults import default_config\n"
        "def get_config(row='none'):\n"
        "    config = default_config()\n"
        "    config.data.records = f'nowhere/row {row}'\n"
        "    return config\n"
    )
    process = run("train", f"--config={path}{row}", f"--workdir={tmp_path}", check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert f"nowhere/row {row[1:] if row else 'none'}'" in process.stderr


def test_names_are_printed_as_they_are(monkeypatch):
    output = io.StringIO()
    console = cli.console()
    console.file = output
    with cli.progress(console) as progress:
        progress.add_task("[/red] :smile:", total=1, info="[/b] [x")
    table = Table(":smile:", title="[/red] :car:")
    table.add_row("[bold]x[/]")
    console.print("Wrote [a]/:smile:/[/b]", table)
    text = output.getvalue()
    for name in (
        "[/red] :smile:",
        "[/b] [x",
        "Wrote [a]/:smile:/[/b]",
        "[/red] :car:",
        "[bold]x[/]",
    ):
        assert name in text


def test_a_name_that_is_no_text_does_not_end_a_program(tmp_path):
    """Such as a file name in Latin-1, printed where the terminal has UTF-8."""
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    code = "import sys; from trainers import cli; cli.run(lambda argv: print(*argv[1:], 'x\u65e5'))"
    for encoding in ("utf-8", "ascii"):
        process = subprocess.run(
            [sys.executable, "-c", code, name],
            cwd=REPOSITORY,
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        assert process.returncode == 0, process.stderr
        assert b"/caf\\udce9.mp4" in process.stdout


def test_help_of_prepare_lists_the_names_of_splits():
    text = ast.get_docstring(ast.parse((REPOSITORY / "trainers/prepare.py").read_text()))
    for name in _SPLIT_FOLDERS:
        assert re.search(rf"[ \n]{name}[,;.]", text), name


def test_unknown_value_of_a_configuration(tmp_path):
    flags = ["--config=smoke", "--config.epoch=3", f"--workdir={tmp_path}"]
    process = run("train", *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "must name a value that the configuration has" in process.stderr


def test_arguments_of_the_library_are_shown_with_their_flags(tmp_path):
    (tmp_path / "file").touch()
    process = run("evaluate", f"--workdir={tmp_path / 'file'}", check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "`workdir` must be" in process.stderr
    assert process.stderr.endswith("\n`workdir` is the flag --workdir.\n")


def test_required_flag():
    process = gsf_tf("predict")
    assert process.returncode == 1
    assert process.stderr == "Error: --model must be given. Received: none.\nSee --help.\n"


@pytest.mark.parametrize(
    ("arguments", "package", "distribution"),
    exhaustive.cases(
        [
            (["train", "--config=smoke", "--workdir=w"], "ml_collections", "ml_collections"),
            (["evaluate", "--workdir=w"], "matplotlib", "matplotlib"),
            (["evaluate", "--workdir=w"], "sklearn", "scikit-learn"),
            (["demo", "--output=d"], "matplotlib", "matplotlib"),
        ],
        lambda case: case[1] == "ml_collections",
    ),
)
def test_missing_extra(arguments, package, distribution, tmp_path):
    process = gsf_tf(*arguments, blocked=[package])
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert f"needs the package {distribution}" in process.stderr
    assert "pip install 'gsf_tf[train]'" in process.stderr


@exhaustive.MARK
def test_missing_beam(tmp_path):
    for name in ("opening", "closing"):
        for number in range(2):
            path = tmp_path / "videos" / name / f"{number}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    flags = [f"--videos={tmp_path / 'videos'}", f"--output={tmp_path / 'r'}", "--runner=beam"]
    process = gsf_tf("prepare", *flags, blocked=["apache_beam"])
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "pip install 'gsf_tf[beam]'" in process.stderr
    # Before the model is looked for.
    flags = ["--model=nowhere", f"--output={tmp_path / 'r.csv'}", "--runner=beam", "a.mp4"]
    process = gsf_tf("predict", *flags, blocked=["apache_beam"])
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "pip install 'gsf_tf[beam]'" in process.stderr


def test_missing_flask():
    process = gsf_tf("try", "--model=nowhere", blocked=["flask"])
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "pip install 'gsf_tf[try]'" in process.stderr


def test_programs_offer_the_choices_of_the_library():
    assert constant("prepare", "DATASETS") == tuple(OFFICIAL_DATASETS)
    assert constant("evaluate", "PROTOCOLS") == tuple(PROTOCOLS)
    assert constant("evaluate", "MEANS") == tuple(MEANS)
    assert constant("evaluate", "CROPS_ALONG") == tuple(CROPS_ALONG)
    assert constant("predict", "CROPS_ALONG") == tuple(CROPS_ALONG)
    assert constant("convert", "SAMPLING") == tuple(SAMPLING)
    assert constant("convert", "TORCH_FORMATS") == tuple(TORCH_FORMATS)
    assert constant("export", "LITERT_KINDS") == LITERT_KINDS
    assert constant("export", "PRECISIONS") == PRECISIONS


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "doctor"])
def test_list_of_commands_says_what_their_help_says(name):
    module, summary = COMMANDS[name]
    assert ast.get_docstring(source(module)).splitlines()[0] == f"{summary}."
    assert f"  {name:<10}{summary}\n" in usage()


def source(module):
    return ast.parse((REPOSITORY / "trainers" / f"{module}.py").read_text())


def constant(module, name):
    """Returns a constant of a program without importing it: each defines flags of its own."""
    (value,) = (
        node.value
        for node in source(module).body
        if isinstance(node, ast.Assign) and node.targets[0].id == name
    )
    return ast.literal_eval(value)
