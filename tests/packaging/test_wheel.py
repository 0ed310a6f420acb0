"""The wheel holds the library, the same bytes every time; without a compiler it has none."""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest
import tensorflow as tf

from tests import exhaustive
from tests.conftest import REQUIRE_COMPILED

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
