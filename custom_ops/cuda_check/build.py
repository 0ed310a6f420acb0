"""Step 1: compiles custom_ops/kernels/*.cu with nvcc."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess

from custom_ops.cuda_check.device import Device, DeviceError

PARTS = ("nvcc",)
ROOT = pathlib.Path(__file__).resolve().parents[2]
_KERNEL = re.compile(
    r"Function properties for (?P<name>\w+)\n\s*(?P<stack>\d+) bytes stack frame, "
    r"(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads\n"
    r".*?Used (?P<registers>\d+) registers"
)


def run(settings, part, record):
    """Writes the library, and records each kernel's registers and spilled bytes."""
    if settings.library:
        if not settings.kernels_file().is_file():
            raise FileNotFoundError(
                "`library` must be a file with the compiled kernels, such as the gsf_tf_kernels.so "
                f"that an earlier call left in its output folder. Received: {settings.library}"
            )
        record.value("library", settings.library)
        return
    nvcc = find_nvcc(settings)
    if nvcc is None and settings.rehearse:
        return record.skip("nvcc was not found")
    if nvcc is None:
        raise FileNotFoundError(
            "Compiling the kernels needs nvcc, of the CUDA toolkit. "
            f"Received: nvcc={settings.nvcc}, which is no program. Set `nvcc`, `library` or the "
            "environment variable CUDA_HOME."
        )
    architecture = _architecture(settings)
    record.value("architecture", architecture)
    log = compile_kernels(nvcc, architecture, settings.kernels_file())
    record.value("warnings", [line for line in log.splitlines() if "warning" in line])
    for kernel in _KERNEL.finditer(log):
        record.row(
            kernel=kernel["name"],
            registers=int(kernel["registers"]),
            spilled_bytes=int(kernel["stores"]) + int(kernel["loads"]),
            stack_bytes=int(kernel["stack"]),
        )


def find_nvcc(settings):
    """Returns the path of nvcc, or None."""
    return shutil.which(settings.nvcc) or shutil.which(f"{settings.cuda_home}/bin/nvcc")


def compile_kernels(nvcc, architecture, library):
    """Compiles the files next to each other and links them; returns what the compiler wrote."""
    sources = sorted((ROOT / "custom_ops" / "kernels").glob("*.cu"))
    options = ["-std=c++17", "-O3", f"-arch={architecture}", "-lineinfo", f"-I{ROOT}"]
    options += ["-Xcompiler=-fPIC,-Wall,-Wextra", "-Xptxas=-v"]
    objects = [library.with_name(f"{source.stem}.o") for source in sources]

    def compile_file(source, target):
        return _call([nvcc, *options, "-c", source, "-o", target])

    try:
        with concurrent.futures.ThreadPoolExecutor(min(os.cpu_count(), len(sources))) as pool:
            logs = list(pool.map(compile_file, sources, objects))
        _call([nvcc, f"-arch={architecture}", "-shared", "-o", library, *objects])
    finally:
        for path in objects:
            path.unlink(missing_ok=True)
    return "\n".join(logs)


def _architecture(settings):
    if settings.rehearse:
        return "sm_90"
    try:
        return Device(settings.cuda_home).architecture()
    except DeviceError:
        # The other steps will say what is wrong with the GPU.
        return "sm_90"


def _call(command):
    command = list(map(str, command))
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"This command failed: {' '.join(command)}\n{result.stderr[-2000:]}")
    return result.stdout + result.stderr
