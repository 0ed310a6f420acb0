"""Prints which packages are installed and which implementation each op runs on.

Run it as `python -m gsf_tf.doctor`, with `--json` for programs that read the output. The exit
status is always 0.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
from typing import Any

PACKAGES = {
    "TensorFlow": "tensorflow",
    "Keras": "keras",
    "NumPy": "numpy",
    "tensorflow-io": "tensorflow-io",
    "keras-cv": "keras-cv",
    "PyAV": "av",
}


def examine() -> dict[str, Any]:
    """Returns all findings as a dictionary that can be written as JSON."""
    # Set before TensorFlow is imported, so that its start-up messages do not fill the screen.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    findings = {
        "python": platform.python_version(),
        "gsf_tf": importlib.import_module("gsf_tf").__version__,
        "packages": {label: _version(name) for label, name in PACKAGES.items()},
        "gpus": [],
        "build": None,
        "ops": [],
        "problems": [],
    }
    for examine_part in (_examine_gpus, _examine_ops):
        try:
            examine_part(findings)
        except Exception as error:  # The doctor has to work in a broken installation.
            findings["problems"].append(f"{type(error).__name__}: {error}")
    return findings


def report(findings: dict[str, Any]) -> str:
    """Returns the findings as a text of one screen."""
    versions = {"Python": findings["python"], "gsf_tf": findings["gsf_tf"], **findings["packages"]}
    lines = [
        f"{label + ':':<15} {version or 'not installed'}" for label, version in versions.items()
    ]
    lines.append(f"{'GPUs:':<15} {', '.join(findings['gpus']) or 'none'}")
    lines += ["", "compiled library", *_build_lines(findings["build"])]
    lines += ["", "ops", *(f"  {_op_line(**status)}" for status in findings["ops"])]
    if findings["problems"]:
        lines += ["", "problems", *(f"  {problem}" for problem in findings["problems"])]
    return "\n".join(lines)


def main() -> None:
    """Prints the report, or JSON."""
    parser = argparse.ArgumentParser(prog="gsf-tf doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    findings = examine()
    print(json.dumps(findings, indent=2) if args.json else report(findings))


def _version(distribution):
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _examine_gpus(findings):
    tf = importlib.import_module("tensorflow")
    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        findings["gpus"].append(details.get("device_name", gpu.name))


def _examine_ops(findings):
    ops = importlib.import_module("gsf_tf.ops")
    library = importlib.import_module("gsf_tf.ops.library")
    findings["build"] = library.build_info()
    findings["ops"] = [status._asdict() for status in ops.op_status()]


def _build_lines(build):
    if build is None:
        return ["  none"]
    lines = []
    for key, value in build.items():
        if isinstance(value, list):
            value = " ".join(value)
        lines.append(f"  {key + ':':<20} {'none' if value is None else value}")
    return lines


def _op_line(op, implementation, devices, reason):
    names = {"cpu": "CPU", "gpu": "CUDA"}
    note = ", ".join(names.get(device, device) for device in devices) or reason
    return f"{op}: {implementation} ({note})"


if __name__ == "__main__":
    main()
