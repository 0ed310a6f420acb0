"""Checks and times the CUDA kernels on a GPU. It needs nvcc and NumPy, but no TensorFlow.

    python -m custom_ops.cuda_check --output=cuda_report

from the root of a checkout, in at most eight minutes,
  build     compiles custom_ops/kernels/*.cu for the GPU (or takes --library);
  check     compares every kernel with its float64 reference in float32, bfloat16, float16 and
            float64, looks for outputs that are not written and for writes beside the arrays, and
            runs it twice for equal bits;
  sanitize  repeats the small cases under compute-sanitizer, memcheck and racecheck;
  kernels   times the kernels on the maps of RubiksNet, GSF and TSM, beside copies of as many bytes;
  pytorch   times the same layers in PyTorch, eager and compiled;
  networks  times GSF-ResNet50 beside TSN-ResNet50, with PyTorch's convolutions.

Every step has a time budget. A step that fails or is stopped is reported, and the next one goes on.
The output folder gets report.json, which is written while the steps run, and tables.txt; short
tables and the goals are printed last.

--rehearse does all of this but the launches, on a machine without a GPU: it compiles if nvcc is
installed, computes the references, prepares every call, compares the PyTorch forms with the
references on the CPU, and prints the tables without times.

The exit status is 1 if a step did not pass.
"""

import argparse
import os
import pathlib
import sys

from custom_ops.cuda_check import calls, goals, report
from custom_ops.cuda_check.runner import Runner
from custom_ops.cuda_check.settings import Settings
from custom_ops.cuda_check.steps import STEPS


def main():
    settings = parse_arguments()
    runner = Runner(settings, say=lambda line: print(line, flush=True))
    passed = runner.run()
    runner.report["goals"] = goals.judge(runner.report, settings.clips[0])
    runner.write()
    output = pathlib.Path(settings.output)
    lines = report.lines(runner.report, settings.clips[0])
    full = report.full_table(runner.report)
    (output / "tables.txt").write_text("\n".join([*full, "", *lines]) + "\n")
    print()
    print("\n".join(lines))
    print("All steps passed." if passed else "Not all steps passed.")
    sys.exit(0 if passed else 1)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="python -m custom_ops.cuda_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output",
        default=os.environ.get("OUT"),
        help="folder of the report; by default that of the environment variable OUT",
    )
    parser.add_argument(
        "--steps",
        default=",".join(STEPS),
        type=lambda text: tuple(text.split(",")),
        help=f"what to do, separated by commas (default: {','.join(STEPS)})",
    )
    parser.add_argument(
        "--library", default="", help="a file of compiled kernels, instead of compiling them"
    )
    parser.add_argument(
        "--nvcc", default="nvcc", help="the compiler; by default from PATH or CUDA_HOME"
    )
    parser.add_argument(
        "--clips",
        type=int,
        nargs="+",
        default=[16, 1],
        help="clips per batch in what is timed; the goals are for the first (default: 16 1)",
    )
    parser.add_argument(
        "--dtypes",
        nargs="+",
        default=["float32", "bfloat16"],
        choices=list(calls.DTYPES),
        help="element types in what is timed (default: float32 bfloat16)",
    )
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="limit of all steps together (default: 8)"
    )
    parser.add_argument("--rehearse", action="store_true", help="do all but the launches")
    arguments = parser.parse_args()
    if unknown := set(arguments.steps) - set(STEPS):
        parser.error(f"--steps must be of {', '.join(STEPS)}. Received: {', '.join(unknown)}")
    if not arguments.output:
        parser.error("--output must name a folder, or the environment variable OUT must.")
    return Settings(
        output=str(pathlib.Path(arguments.output).resolve()),
        steps=tuple(name for name in STEPS if name in arguments.steps),
        library=str(pathlib.Path(arguments.library).resolve()) if arguments.library else "",
        nvcc=arguments.nvcc,
        cuda_home=os.environ.get("CUDA_HOME", "/usr/local/cuda"),
        clips=tuple(arguments.clips),
        dtypes=tuple(arguments.dtypes),
        minutes=arguments.minutes,
        rehearse=arguments.rehearse,
    )


if __name__ == "__main__":
    main()
