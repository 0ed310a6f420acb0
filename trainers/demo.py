"""Run the whole job on generated clips: from no data to a served model.

  gsf-tf demo --output=demo
  gsf-tf demo --output=demo --train_clips=4 --val_clips=2 --epochs=1

Generates clips of moving shapes (12 classes, 6 pairs that are each other's time reversal), prepares
records, trains GSF and, as a control, TSN (the same backbone and schedule without temporal
layers), evaluates both, exports GSF, names the action in a new clip, draws the report of both and
writes a web page on which GSF can be tried with any clip. Every step but the first is one of the
other commands, which is printed. A demo that was stopped continues where it was. The second line
above only shows that everything runs, in the shortest time: its models learn nothing.

The web page needs the extra litert, and a network for the first page on a machine; without them it
is left out.
"""

import contextlib
import pathlib
import shlex
import subprocess
import sys
import time

from absl import flags

from . import cli

PRESETS = {"TSN": "tsn_resnet14thin", "GSF": "gsf_resnet14thin"}
NEW_CLIP_ACTION = "moving_apart"

_OUTPUT = flags.DEFINE_string("output", "demo", "Folder for everything.")
_TRAIN_CLIPS = flags.DEFINE_integer("train_clips", 50, "Training clips per class.", lower_bound=2)
_VAL_CLIPS = flags.DEFINE_integer("val_clips", 20, "Held-out clips per class.", lower_bound=1)
_EPOCHS = flags.DEFINE_integer(
    "epochs", None, "Epochs, by default those of the configuration demo.", 1
)
_RECORDS_ONLY = flags.DEFINE_bool("records_only", False, "Make clips and records, and stop.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the clips and of training.", lower_bound=0)


def run_program(console, name, *arguments):
    """Runs a program of this folder as a user would, and shows the command."""
    from gsf_tf.errors import UserError

    console.rule()
    console.print("$ gsf-tf", shlex.join([name, *arguments]))
    command = [sys.executable, "-m", f"{__package__}.{name}", *arguments]
    if subprocess.run(command).returncode:
        raise UserError(f"The demo stopped: gsf-tf {name} failed; see its message above.")


def make_clips(console, output):
    """Generates the training and held-out clips and one new clip, and returns its path."""
    import numpy as np

    from gsf_tf.data.demo_clips import generate_clips, render_clip, write_video

    counts = {"train": _TRAIN_CLIPS.value, "val": _VAL_CLIPS.value}
    with cli.progress(console) as progress:
        task = progress.add_task("Generating clips", info="")
        for done, total in generate_clips(output / "videos", counts, _SEED.value):
            progress.update(task, completed=done, total=total)
    new_clip = output / f"new_{NEW_CLIP_ACTION}.mp4"
    write_video(new_clip, render_clip(NEW_CLIP_ACTION, np.random.default_rng([_SEED.value, 1])))
    return new_clip


def write_page(console, workdir):
    """Writes the web page of a run, and returns its folder, or None if it cannot be made here."""
    from gsf_tf.errors import UserError
    from gsf_tf.export.page_libraries import PAGE_LIBRARIES
    from gsf_tf.required_package import require_package

    try:
        require_package("ai_edge_litert", "litert", "Web pages")
        for package in PAGE_LIBRARIES:
            package.file.path()
    except UserError as error:
        console.rule()
        console.print(f"The web page is left out. {error}")
        return None
    run_program(console, "export", f"--workdir={workdir.path}", "--format=web")
    return newest_version(workdir.path / "export_web")


def newest_version(folder):
    return max(folder.iterdir(), key=lambda path: int(path.name))


@contextlib.contextmanager
def own_files(output):
    """Names the folder in the errors of the system; `whole_file` would import TensorFlow."""
    try:
        yield
    except OSError as error:
        raise cli.FlagError(
            f"--output must be a folder that can be written and has room. Received: {output} "
            f"({error}). What is finished there stays; make room, or name another folder, and give "
            "the same command again."
        ) from error


def main(_):
    if not _RECORDS_ONLY.value:
        # Imported first: a package that is missing is found before the work, not after it.
        from gsf_tf.workdir import Workdir

        from .demo_report import summarize

    start, output, console = time.monotonic(), pathlib.Path(_OUTPUT.value), cli.console()

    # ---- Data -------------------------------------------------------------------------------
    with own_files(output):
        output.mkdir(parents=True, exist_ok=True)
        new_clip = make_clips(console, output)
    records = f"{output}/records"
    run_program(
        console,
        "prepare",
        f"--videos={output}/videos",
        f"--output={records}",
        "--clips_per_shard=64",
    )
    if _RECORDS_ONLY.value:
        return

    # ---- Both models ------------------------------------------------------------------------
    workdirs = {name: Workdir(output / "runs" / name.lower()) for name in PRESETS}
    overrides = [f"--config.data.records={records}", f"--config.seed={_SEED.value}"]
    if _EPOCHS.value:
        overrides.append(f"--config.epochs={_EPOCHS.value}")
        overrides.append(f"--config.warmup_epochs={min(3, _EPOCHS.value - 1)}")
    for name, preset in PRESETS.items():
        run_program(
            console,
            "train",
            f"--config=demo:{preset}",
            *overrides,
            f"--workdir={workdirs[name].path}",
        )
        run_program(console, "evaluate", f"--workdir={workdirs[name].path}")

    # ---- Serving ----------------------------------------------------------------------------
    run_program(console, "export", f"--workdir={workdirs['GSF'].path}")
    served = newest_version(workdirs["GSF"].exports)
    run_program(console, "predict", f"--model={served}", "--", str(new_clip))

    # ---- To look at -------------------------------------------------------------------------
    runs = ",".join(str(workdir.path) for workdir in workdirs.values())
    run_program(console, "analyze", f"--workdir={runs}", f"--output={output}/report")
    results = {
        "Clips": output / "videos",
        "Records": output / "records",
        "Runs": output / "runs",
        "Served model": served,
        "Report": output / "report" / "index.html",
        "Web page": write_page(console, workdirs["GSF"]) or "left out, see above",
    }
    with own_files(output):
        summarize(console, output, workdirs, PRESETS, results, time.monotonic() - start)


if __name__ == "__main__":
    cli.run(main)
