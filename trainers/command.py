"""The console command `gsf-tf`: runs the programs of this folder as its sub-commands."""

import importlib.metadata
import os
import runpy
import sys

from .cli import did_you_mean, print_help

# In the order of the work: the sub-command, its module, and the first line of its help.
COMMANDS = {
    "prepare": ("prepare", "Prepare records: turn labeled videos into what training reads"),
    "inspect": ("inspect_records", "Inspect records: count and check their clips, draw some"),
    "train": ("train", "Train a model on records, or continue a run"),
    "evaluate": ("evaluate", "Evaluate a trained model by the papers' protocols, or fuse scores"),
    "analyze": ("analyze", "Analyze trained models: one page with the papers' figures for any run"),
    "features": ("features", "Write the features of videos: the vectors before the classifier"),
    "export": (
        "export",
        "Export a trained model for TensorFlow Serving, LiteRT, ONNX or as a web page",
    ),
    "predict": ("predict", "Name the action in video files"),
    "try": ("try_clips", "Try a model on clips of your own, on a page in the browser"),
    "watch": (
        "watch",
        "Name the action in a video that may not end: a file, a folder, a camera, a stream",
    ),
    "convert": ("convert", "Convert a checkpoint of the authors' PyTorch code to Keras, or back"),
    "demo": ("demo", "Run the whole job on generated clips: from no data to a served model"),
    "doctor": (None, "Show what is installed, and what each op runs on"),
}
_HELP = ("--help", "-help", "-h", "help")
_UNKNOWN_COMMAND = 2  # The exit status; an error of a program gives 1.

_USAGE = """\
gsf-tf: efficient video action recognition with Gate-Shift-Fuse and RubiksNet.

usage: gsf-tf COMMAND [FLAGS]

Commands, in the order of the work:

{commands}

`gsf-tf COMMAND --help` explains a command and its flags; `gsf-tf --version` prints the version.

Examples:

  gsf-tf demo --output=demo
  gsf-tf train --config=folder:gsf_mobilenetv2 --config.data.records=records --workdir=runs/mine

The exit status is 0 on success, 1 for an error that the message explains, and 2 for an unknown
command."""


def main():
    """Runs the sub-command that the command line names and returns the exit status."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in _HELP and arguments:  # `gsf-tf help train`
        name, arguments = arguments[0], ["--help"]
    if name in _HELP:
        print_help(usage())
        return 0
    if name == "--version":
        print(f"gsf-tf {importlib.metadata.version('gsf_tf')}")
        return 0
    if name not in COMMANDS:
        print(
            f"Error: The first argument must be a command: {', '.join(COMMANDS)}. Received: "
            f"{name}.{did_you_mean(name.lower(), COMMANDS)} See gsf-tf --help.",
            file=sys.stderr,
        )
        return _UNKNOWN_COMMAND
    if name == "doctor":
        # A process of its own: it must report even where importing gsf_tf fails.
        os.execv(sys.executable, [sys.executable, "-m", "gsf_tf.doctor", *arguments])
    sys.argv = [name, *arguments]
    module, _ = COMMANDS[name]
    runpy.run_module(f"{__package__}.{module}", run_name="__main__", alter_sys=True)


def usage():
    """Returns the text of `gsf-tf --help`."""
    lines = (f"  {name:<10}{summary}" for name, (_, summary) in COMMANDS.items())
    return _USAGE.format(commands="\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
