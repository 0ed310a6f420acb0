"""Builds the compiled ops with CMake as part of `pip install .`; the rest is in setup.cfg.

The library is an extra: where it cannot be built the package installs without it, one line says
why, and the ops run on their reference path (`python -m gsf_tf.doctor` repeats the reason).
`pip -v` shows the build. Environment variables:

    GSF_TF_BUILD_OPS=0        does not build the library
    GSF_TF_BUILD_OPS=require  makes it an error when the library cannot be built
    GSF_TF_CUDA=0             leaves the CUDA kernels out, as happens when nvcc does not work
    CXX, CUDACXX              the compilers, as CMake knows them
    CUDAARCHS                 the GPU architectures, such as 75-real;90; by default sm_75 to sm_90
"""

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
LIBRARY = "_gsf_tf_ops.so"
BUILD_INFO = "_build_info.json"

# The programs and their configurations are installed under names of their own: a package called
# `configs` in a user's environment would hide the user's folder of that name.
INSTALLED_AS = {"trainers": "gsf_tf_trainers", "configs": "gsf_tf_configs"}

BUILD_OPS = os.environ.get("GSF_TF_BUILD_OPS", "1")
if BUILD_OPS not in ("0", "1", "require"):
    raise SystemExit(f"GSF_TF_BUILD_OPS must be 0, 1 or require; received {BUILD_OPS!r}.")


class BuildFailure(Exception):
    """The library cannot be built; the text says why."""


class BuildOps(build_ext):
    """Puts the library and its build info, or the reason why there is none, into gsf_tf/ops."""

    def run(self):
        base = ROOT if self.inplace else Path(self.build_lib).absolute()
        destination = base / "gsf_tf" / "ops"
        destination.mkdir(parents=True, exist_ok=True)
        # What an earlier build left must not pass for the result of this one.
        for name in (LIBRARY, BUILD_INFO):
            (destination / name).unlink(missing_ok=True)
        try:
            self._build(destination)
        except BuildFailure as failure:
            if BUILD_OPS == "require":
                raise SystemExit(f"gsf_tf: the compiled ops cannot be built: {failure}") from None
            text = json.dumps({"failure": str(failure)}, indent=2) + "\n"
            (destination / BUILD_INFO).write_text(text)
            say(f"installing without the compiled ops (slower, same results): {failure}")

    def get_outputs(self):
        return []

    def get_output_mapping(self):
        return {}

    def _build(self, destination):
        if BUILD_OPS == "0":
            raise BuildFailure("GSF_TF_BUILD_OPS=0 was set")
        if os.environ.get("GSF_TF_CUDA", "1") == "0":
            return self._run_cmake(destination, cuda="OFF")
        try:
            self._run_cmake(destination, cuda="ON")
        except BuildFailure:
            self._run_cmake(destination, cuda="OFF")
        if json.loads((destination / BUILD_INFO).read_text())["cuda"] is None:
            say("the compiled ops are for CPU only: no nvcc was found that works")

    def _run_cmake(self, destination, cuda):
        build_dir = Path(self.build_temp).absolute() / "ops"
        # A cached compiler would go before the one CXX names now.
        shutil.rmtree(build_dir, ignore_errors=True)
        build_dir.mkdir(parents=True)
        cmake = find_cmake()
        configure = [
            *(cmake, "-S", str(ROOT / "custom_ops"), "-B", str(build_dir)),
            f"-DGSF_TF_PYTHON={sys.executable}",
            f"-DGSF_TF_OUTPUT_DIR={destination}",
            f"-DGSF_TF_VERSION={self.distribution.get_version()}",
            f"-DGSF_TF_CUDA={cuda}",
        ]
        jobs = str(os.cpu_count() or 1)
        for command in (configure, [cmake, "--build", str(build_dir), "-j", jobs]):
            result = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            print(result.stdout)
            if result.returncode != 0:
                raise BuildFailure(first_error(result.stdout))


def find_cmake():
    """The `cmake` package from PyPI, whose program need not be on the path, or the system's."""
    if importlib.util.find_spec("cmake"):
        return str(Path(importlib.import_module("cmake").CMAKE_BIN_DIR) / "cmake")
    cmake = shutil.which("cmake")
    if cmake is None:
        raise BuildFailure("there is no cmake (pip install cmake)")
    return cmake


def first_error(log):
    """The first sentence of the first error in a log of CMake or a compiler, as one line."""
    end_of_message = r"\n\s*\n\s*\n|\n--|It fails with|Call Stack|\Z"
    match = re.search(rf"CMake Error(?:: | at [^\n]*\n+)(.+?)(?:{end_of_message})", log, re.DOTALL)
    match = match or re.search(r"^(.*\berror\b.*)$", log, re.MULTILINE | re.IGNORECASE)
    text = " ".join(match[1].split()) if match else "cmake failed without a message"
    return text.split(". ")[0].rstrip(".")


def say(line):
    print(f"gsf_tf: {line}", file=sys.stderr, flush=True)


def compiler_works():
    """Whether CMake finds a C++ compiler that can make a program."""
    project = "cmake_minimum_required(VERSION 3.18)\nproject(compiler LANGUAGES CXX)\n"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "CMakeLists.txt").write_text(project)
        try:
            configure = [find_cmake(), "-S", folder, "-B", f"{folder}/build"]
        except BuildFailure:
            return False
        return subprocess.run(configure, capture_output=True).returncode == 0


def renamed_packages(folder):
    """The names under which a folder and the packages in it are installed."""
    package = INSTALLED_AS[folder]
    return [package, *(f"{package}.{name}" for name in find_packages(folder))]


def tensorflow_requirement():
    """A library built against one minor version of TensorFlow does not work with another.

    pip asks for the requirements before it has the wheel built, so what is known of the build by
    then decides. A wheel without the library takes every version that the Python code is for.
    """
    try:
        version = importlib.metadata.version("tensorflow")
    except importlib.metadata.PackageNotFoundError:
        version = None
    if version is None or BUILD_OPS == "0" or (BUILD_OPS == "1" and not compiler_works()):
        return "tensorflow>=2.17.1,<2.22"
    major, minor = version.split(".")[:2]
    return f"tensorflow=={major}.{minor}.*"


setup(
    packages=[
        *find_packages(include=["gsf_tf", "gsf_tf.*"]),
        *(package for name in INSTALLED_AS for package in renamed_packages(name)),
    ],
    package_dir={package: folder for folder, package in INSTALLED_AS.items()},
    install_requires=[
        "absl-py",
        "av>=17.1,<19",
        # Earlier versions have published holes in `load_model`; SECURITY.md names them. Python 3.10
        # has no Keras 3.13.
        "keras>=3.15.1; python_version >= '3.11'",
        "keras>=3.12.4,<3.13; python_version < '3.11'",
        "numpy",
        "pillow",
        "rich",
        tensorflow_requirement(),
    ],
    ext_modules=[Extension("gsf_tf.ops._gsf_tf_ops", sources=[])],
    cmdclass={"build_ext": BuildOps},
)
