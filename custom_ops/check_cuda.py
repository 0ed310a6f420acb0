"""Checks and times the CUDA kernels on a GPU. Needs a GPU, nvcc and NumPy, but no TensorFlow.

    python -m custom_ops.check_cuda

from the root of a checkout
  1. compiles custom_ops/kernels/*.cu for the GPU that is there (or takes --library);
  2. compares every kernel with its float64 reference in float32, bfloat16, float16 and float64,
     looks for writes beside the arrays, and runs it twice for equal bits;
  3. repeats the small cases under compute-sanitizer (memcheck, racecheck) where that is installed;
  4. prints a table of times, for the maps of RubiksNet and GSF at 8 x 224 x 224.

In the table, GB/s counts what must be read and written, each once; "copy" is that speed as a share
of cudaMemcpy's on as many bytes. Goals: RubiksShift 0.85 forward and 0.6 for the gradient on large
maps, Gate-Shift-Fuse 0.5 forward.

The exit status is 1 if anything is wrong.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from custom_ops import cuda_device, kernel_benchmarks, kernel_calls, kernel_cases

ROOT = pathlib.Path(__file__).resolve().parents[1]


def main():
    arguments = parse_arguments()
    try:
        problems = run(arguments)
    except (cuda_device.DeviceError, kernel_calls.KernelError, FileNotFoundError) as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"This command failed with status {error.returncode}: {' '.join(error.cmd)}")
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "All checks passed.")
    sys.exit(1 if problems else 0)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="python -m custom_ops.check_cuda",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--library",
        type=pathlib.Path,
        help="a shared library with the CUDA kernels, instead of compiling them",
    )
    parser.add_argument("--nvcc", help="the compiler; by default from PATH or CUDA_HOME")
    parser.add_argument(
        "--only",
        choices=("checks", "sanitizer", "benchmark"),
        help="do one of the parts and not the others",
    )
    parser.add_argument("--small", action="store_true", help="check the small cases only")
    parser.add_argument(
        "--clips",
        type=int,
        nargs="+",
        default=[1, 16],
        help="clips per batch in the benchmark (default: 1 16)",
    )
    parser.add_argument(
        "--dtypes",
        nargs="+",
        default=["float32", "float16"],
        choices=list(kernel_calls.DTYPES),
        help="element types in the benchmark (default: float32 float16)",
    )
    return parser.parse_args()


def run(arguments):
    """Returns what is wrong, a line each."""
    cuda_home = pathlib.Path(os.environ.get("CUDA_HOME", "/usr/local/cuda"))
    device = cuda_device.Device(cuda_home)
    parts = {arguments.only} if arguments.only else {"checks", "sanitizer", "benchmark"}
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        library = arguments.library
        if library is not None and not library.is_file():
            raise FileNotFoundError(
                "--library must be a file with the compiled kernels, such as "
                f"gsf_tf/ops/_gsf_tf_ops.so. Received: {library}"
            )
        if library is None:
            nvcc = arguments.nvcc or shutil.which("nvcc") or str(cuda_home / "bin" / "nvcc")
            library = compile_kernels(nvcc, device.architecture(), pathlib.Path(folder))
        if "checks" in parts:
            problems += check(library.resolve(), device, arguments.small)
        if "sanitizer" in parts:
            problems += sanitize(library.resolve(), cuda_home)
        if "benchmark" in parts:
            benchmark(library.resolve(), device, arguments.clips, arguments.dtypes)
    return problems


def compile_kernels(nvcc, architecture, folder):
    """Returns the path of the library that nvcc makes of custom_ops/kernels/*.cu."""
    if shutil.which(nvcc) is None:
        raise FileNotFoundError(
            "Compiling the kernels needs nvcc, of the CUDA toolkit. "
            f"Received: {nvcc}, which is no program. Pass --nvcc or --library, or set CUDA_HOME."
        )
    library = folder / "gsf_tf_kernels.so"
    sources = sorted(map(str, (ROOT / "custom_ops" / "kernels").glob("*.cu")))
    options = ["-std=c++17", "-O3", f"-arch={architecture}", "-lineinfo", f"-I{ROOT}"]
    print(f"Compiling {len(sources)} files for {architecture} ...", flush=True)
    command = [nvcc, *options, "-Xcompiler=-fPIC,-Wall,-Wextra", "-shared", "-o", str(library)]
    subprocess.run([*command, *sources], check=True)
    return library


def check(library, device, small):
    """Returns what differs from the references or between two runs."""
    cases = [*kernel_cases.SMALL_CASES]
    if not small:
        cases += [*kernel_cases.WIDE_CASES, *kernel_cases.LARGE_CASES]
    problems, count = [], 0
    for offset in (0, 1):
        kernels = kernel_calls.Kernels(library, device, offset)
        for case in cases:
            for dtype in kernel_calls.DTYPES:
                problems += kernel_cases.check(case, kernels, dtype)
                count += 1
    print(f"{count} cases compared with the references, {len(problems)} problems", flush=True)
    return problems


def sanitize(library, cuda_home):
    """Returns which tools of compute-sanitizer found something."""
    program = shutil.which("compute-sanitizer") or shutil.which(
        cuda_home / "bin" / "compute-sanitizer"
    )
    if program is None:
        print("compute-sanitizer is not installed: memcheck and racecheck are left out.")
        return []
    problems = []
    for tool in ("memcheck", "racecheck"):
        command = [program, "--tool", tool, "--error-exitcode", "1", sys.executable, "-m"]
        command += ["custom_ops.check_cuda", "--only", "checks", "--small", "--library", library]
        print(f"compute-sanitizer {tool} ...", flush=True)
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if result.returncode:
            problems.append(f"compute-sanitizer {tool}:\n{result.stdout}{result.stderr}")
    return problems


def benchmark(library, device, clips, dtypes):
    """Prints the table."""
    kernels = kernel_calls.Kernels(library, device)
    row = "{:<34} {:<18} {:<9} {:>5} {:>9} {:>8} {:>6}"
    print(row.format("map", "kernel", "dtype", "clips", "ms", "GB/s", "copy"))
    for num_clips in clips:
        for dtype in dtypes:
            for name, case in kernel_benchmarks.cases(num_clips):
                with kernels.session() as arrays:
                    for run in kernel_benchmarks.prepare(case, kernels, arrays, dtype):
                        time = device.milliseconds(run.enqueue)
                        copy = copy_milliseconds(device, arrays, run.nbytes)
                        speed = f"{run.nbytes / time / 1e6:.0f}"
                        figures = f"{time:.4f}", speed, f"{copy / time:.2f}"
                        print(row.format(name, run.name, dtype, num_clips, *figures), flush=True)


def copy_milliseconds(device, arrays, nbytes):
    """The time of a copy that reads and writes `nbytes` in all."""
    source, target = (arrays.zeros(nbytes // 2).pointer for _ in range(2))
    return device.milliseconds(
        lambda stream: device.enqueue_copy(target, source, nbytes // 2, stream)
    )


if __name__ == "__main__":
    main()
