"""What the programs do on a file system that can only be read, which is really mounted here."""

import os
import shutil
import subprocess

import pytest

from tests.trainers.conftest import run, train_flags


def _mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def read_only(records, trained, tmp_path_factory):
    """A folder with records, a finished run and the start of others, mounted for reading only."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("read only")
    shutil.copytree(records, source / "records")
    shutil.copytree(trained, source / "run")
    # As if training had been stopped before its end.
    shutil.copytree(trained, source / "stopped")
    (source / "stopped" / "model.keras").unlink()
    if not _mount("--bind", source, folder):
        pytest.skip("mounting a file system needs root and the rights of a system administrator")
    try:
        assert _mount("-o", "remount,bind,ro", folder)
        with pytest.raises(OSError, match="Read-only"):
            (folder / "a").touch()
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_reading_needs_no_writing(read_only, clips):
    prepare = ("prepare", f"--videos={clips}", f"--output={read_only}/records")
    again = run(*prepare, "--clips_per_shard=16", "--workers=1")
    assert "nothing to do" in again.stdout
    # The counts are as good without the picture.
    report = run("inspect_records", f"{read_only}/records", f"--sheet={read_only}/a.png").stdout
    assert "could not be written: [Errno 30] Read-only" in " ".join(report.split())
    clip = next(clips.glob("val/*/*"))
    assert str(clip) in run("predict", f"--model={read_only}/run", str(clip)).stdout


CASES = {
    "new records": ("prepare", "--videos={clips}", "--output={there}/new"),
    "records anew": ("prepare", "--videos={clips}", "--output={there}/records", "--overwrite"),
    "an evaluation": ("evaluate", "--workdir={there}/run"),
    "an export": ("export", "--workdir={there}/run"),
    "a model": ("convert", "--reverse", "--workdir={there}/run", "--output={there}/a.pth.tar"),
    "the demo": ("demo", "--output={there}/demo", "--records_only"),
}


@pytest.mark.parametrize("case", [*CASES, "a new run", "a stopped run"])
def test_writing_is_one_sentence(read_only, clips, case):
    if case in CASES:
        name, *flags = (part.format(clips=clips, there=read_only) for part in CASES[case])
    else:
        workdir = read_only / ("new" if case == "a new run" else "stopped")
        name, flags = "train", train_flags(read_only / "records", workdir, epochs=2)
    process = run(name, *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr, process.stderr
    assert process.stderr.count("Error: ") == 1, process.stderr
    assert "read-only file system" in process.stderr.lower(), process.stderr
    assert str(read_only) in process.stderr
    assert sorted(os.listdir(read_only)) == ["records", "run", "stopped"]
