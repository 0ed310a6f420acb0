import concurrent.futures
import pathlib
import re
import shutil
import subprocess

import pytest

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_EMULATION = pathlib.Path(__file__).with_name("cuda_on_cpu.h")
_LAUNCH = re.compile(r"(\w+(?:<[^<>;]*>)?)\s*<<<(.*?)>>>\(", re.DOTALL)


def _translate(source):
    """The kernels as C++: CUDA's headers left out, launches as calls."""
    source = re.sub(r"#include <cuda_\w+\.h>\n", "", source)
    return _LAUNCH.sub(r"cuda_on_cpu::Configured(\2, \1)(", source)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The CUDA kernels, compiled by g++ with `cuda_on_cpu.h`."""
    build = tmp_path_factory.mktemp("cuda_on_cpu")
    folder = build / "custom_ops" / "kernels"
    folder.mkdir(parents=True)
    for path in (_ROOT / "custom_ops" / "kernels").iterdir():
        if path.suffix in (".h", ".cu"):
            translated = folder / path.name.replace(".cu", ".cc")
            translated.write_text(_translate(path.read_text()))
    compiler = shutil.which("g++")
    options = ["-std=c++17", "-Og", "-w", "-fPIC", f"-I{build}", "-include", str(_EMULATION)]

    def compile_file(source):
        target = source.with_suffix(".o")
        subprocess.run([compiler, *options, "-c", source, "-o", target], check=True)
        return target

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compile_file, sorted(folder.glob("*.cc"))))
    subprocess.run([compiler, "-shared", *objects, "-o", build / "kernels.so"], check=True)
    return build / "kernels.so"


@pytest.fixture(scope="session")
def cuda_home(tmp_path_factory):
    """A folder as of the CUDA toolkit, with a runtime on the CPU: `cudart_on_cpu.cc`."""
    home = tmp_path_factory.mktemp("cuda")
    (home / "lib64").mkdir()
    source = pathlib.Path(__file__).with_name("cudart_on_cpu.cc")
    options = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-fPIC", "-shared"]
    target = home / "lib64" / "libcudart.so"
    subprocess.run(["g++", *options, source, "-o", target], check=True)
    return home
