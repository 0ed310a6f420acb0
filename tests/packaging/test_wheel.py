"""The wheel holds library and programs, and runs outside of a checkout.

Its bytes are the same every time; without a compiler it has no compiled ops.
"""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest
import tensorflow as tf

from gsf_tf import __version__ as VERSION
from gsf_tf.data import RecordSettings, list_video_folder, split_for_validation, write_records
from tests import exhaustive
from tests.conftest import REQUIRE_COMPILED
from tests.data.video_maker import make_video

REPOSITORY = pathlib.Path(__file__).parents[2]


def build_wheel(folder, **environment):
    """Builds from a copy of what is in the index, with this environment's TensorFlow."""
    source = folder / "source"
    subprocess.run(
        ["git", "checkout-index", "--all", f"--prefix={source}/"], cwd=REPOSITORY, check=True
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        + ["--wheel-dir", folder, source],
        check=True,
        env={**os.environ, "GSF_TF_BUILD_OPS": "1", "GSF_TF_CUDA": "0", **environment},
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def tensorflow_requirement(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    (line,) = (line for line in lines if re.match(r"Requires-Dist: tensorflow\b(?!-)[^;]*$", line))
    return set(line.removeprefix("Requires-Dist: tensorflow").split(","))


def doctor(wheel, folder):
    """What the doctor says of the unpacked wheel, run where the checkout is not importable."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return subprocess.run(
        [sys.executable, "-m", "gsf_tf.doctor"],
        cwd=folder / "installed",
        env={**os.environ, "PYTHONPATH": str(folder / "installed")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def compiler():
    if os.environ.get(REQUIRE_COMPILED) != "1":
        pytest.skip(f"builds with a compiler where {REQUIRE_COMPILED}=1 says that there is one")


# `.ci/tf221` does the same in every run of CI, and runs the op tests with what it installed.
@exhaustive.MARK
def test_with_a_compiler(compiler, tmp_path):
    # Without optimization: what is compiled here only has to load.
    wheel = build_wheel(tmp_path, CMAKE_BUILD_TYPE="Debug")
    assert "gsf_tf/ops/_gsf_tf_ops.so" in zipfile.ZipFile(wheel).namelist()
    assert tensorflow_requirement(wheel) == {f"=={tf.__version__.rsplit('.', 1)[0]}.*"}
    assert "temporal_shift: compiled (CPU)" in doctor(wheel, tmp_path)


@exhaustive.MARK
def test_two_builds_have_the_same_bytes(compiler, tmp_path):
    places = [tmp_path / "one", tmp_path / "another" / "place"]
    for place in places:
        place.mkdir(parents=True)
    one, another = (build_wheel(place, SOURCE_DATE_EPOCH="1700000000") for place in places)
    assert one.read_bytes() == another.read_bytes()


def test_without_a_compiler(tmp_path):
    wheel = build_wheel(tmp_path, CXX="/bin/false")
    assert "gsf_tf/ops/_gsf_tf_ops.so" not in zipfile.ZipFile(wheel).namelist()
    assert tensorflow_requirement(wheel) == {">=2.17.1", "<2.22"}
    report = doctor(wheel, tmp_path)
    assert "temporal_shift: reference (" in report and "/bin/false" in report


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder in which pip has installed the wheel, and the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build_wheel(folder, GSF_TF_BUILD_OPS="0")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--target", folder / "site", wheel]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    return folder / "site", wheel


def gsf_tf(installed, cwd, *arguments, check=True):
    """Runs the installed console command where no checkout is importable."""
    site, _ = installed
    process = subprocess.run(
        [site / "bin" / "gsf-tf", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site), "GSF_TF_OPS": "reference"},
        capture_output=True,
        text=True,
    )
    assert not check or process.returncode == 0, process.stdout + process.stderr
    return process


def of_the_demo(installed, folder):
    small = ["--records_only", "--train_clips=2", "--val_clips=1"]
    gsf_tf(installed, folder, "demo", "--output=.", *small)


def of_the_library(installed, folder):
    for number in range(8):
        make_video(folder / "videos" / "ab"[number % 2] / f"{number}.mp4", 12)
    listing = split_for_validation(list_video_folder(folder / "videos"), 0.5)
    write_records(listing, str(folder / "records"), RecordSettings())


def test_packages_have_names_of_their_own(installed):
    _, wheel = installed
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        tops = {name.split("/")[0] for name in names} - {f"gsf_tf-{VERSION}.dist-info"}
        (metadata,) = (name for name in names if name.endswith("dist-info/METADATA"))
        description = archive.read(metadata).decode()
    assert tops == {"gsf_tf", "gsf_tf_trainers", "gsf_tf_configs"}
    for folder, package in (("trainers", "gsf_tf_trainers"), ("configs", "gsf_tf_configs")):
        for path in (REPOSITORY / folder).glob("*.py"):
            assert f"{package}/{path.name}" in names
    for path in (REPOSITORY / "trainers" / "try_page").iterdir():
        assert f"gsf_tf_trainers/try_page/{path.name}" in names
    for path in (REPOSITORY / "gsf_tf" / "export" / "page").iterdir():
        assert f"gsf_tf/export/page/{path.name}" in names
    assert "Gate-Shift-Fuse and RubiksNet" in description


def test_installed_command(installed, tmp_path):
    assert gsf_tf(installed, tmp_path, "--version").stdout == f"gsf-tf {VERSION}\n"
    assert "Commands, in the order of the work" in gsf_tf(installed, tmp_path, "--help").stdout
    assert "gsf-tf train --config=" in gsf_tf(installed, tmp_path, "train", "--help").stdout
    unknown = gsf_tf(installed, tmp_path, "evalaute", check=False)
    assert unknown.returncode == 2 and "Did you mean 'evaluate'?" in unknown.stderr
    config = gsf_tf(installed, tmp_path, "train", "--config=x", "--workdir=w", check=False)
    assert config.returncode == 1 and "The names are: controls, demo" in config.stderr


@pytest.mark.parametrize(
    "make_records",
    exhaustive.cases([of_the_library, of_the_demo], lambda case: case is of_the_demo),
)
def test_installed_programs_run_outside_of_a_checkout(installed, tmp_path, make_records):
    make_records(installed, tmp_path)
    process = gsf_tf(
        installed,
        tmp_path,
        *("train", "--config=rubiksnet:tiny_ssv1_8f", "--config.data.records=records"),
        *("--config.model.weights=", "--config.augmentation.flip=0"),
        *("--config.model.image_size=64", "--config.data.batch_size=2"),
        *("--workdir=run", "--dry_run"),
    )
    assert "rubiksnet_tiny" in process.stdout and process.stderr == ""
    assert (tmp_path / "run" / "dry_run.png").exists()
