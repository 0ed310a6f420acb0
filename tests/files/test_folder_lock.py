"""The lock of a folder: one holder at a time, released by death, and what another one is told."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from gsf_tf.errors import UserError
from gsf_tf.files import folder_lock
from gsf_tf.files.folder_lock import LOCK_FILE, FolderLock

# Without TensorFlow, which importing gsf_tf takes: the lock needs neither.
HOLDER = """
import sys, types
sys.modules["gsf_tf"] = package = types.ModuleType("gsf_tf")
package.__path__ = ["gsf_tf"]
from gsf_tf.errors import UserError
from gsf_tf.files.folder_lock import FolderLock
lock = FolderLock(sys.argv[1], "writes records", "output")
try:
    with lock:
        print("held", flush=True)
        sys.stdin.readline()
        lock.check()
except UserError as error:
    print(error, flush=True)
"""


@pytest.fixture
def hold(tmp_path):
    """Starts a process that holds the lock until its input ends."""
    processes = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def no_locks(monkeypatch):
    """A file system that cannot lock, and less patience."""

    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(folder_lock, "WATCH_SECONDS", 0.4)


def lock(folder, **options):
    return FolderLock(folder, "writes records", "output", **options)


def description(folder):
    return json.loads((folder / LOCK_FILE).read_text())


def test_held_and_released(tmp_path):
    folder = tmp_path / "made" / "records"
    with lock(folder) as held:
        held.check()
        assert description(folder)["pid"] == os.getpid()
        with pytest.raises(UserError, match="This process itself"), lock(folder):
            pass
        held.check()
    assert os.listdir(folder) == []
    with lock(folder):
        pass


def test_another_process_is_named_and_death_releases_the_lock(tmp_path, hold):
    process = hold()
    for attempt in (lock(tmp_path).__enter__, lambda: FolderLock.check_free(tmp_path, "x", "y")):
        with pytest.raises(UserError, match="Only one process may write") as caught:
            attempt()
        message = str(caught.value)
        since = description(tmp_path)["since"]
        assert f"Process {process.pid} on host {os.uname().nodename} (since {since})" in message
        assert "writes records" in message and "`take_over`" in message
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    start = time.monotonic()
    FolderLock.check_free(tmp_path, "x", "y")
    with lock(tmp_path):
        assert description(tmp_path)["pid"] == os.getpid()
    assert time.monotonic() - start < 2 and not list(tmp_path.iterdir())


def test_taken_over(tmp_path, hold):
    process = hold()
    with lock(tmp_path, take_over=True) as held:
        output, _ = process.communicate("go on\n")
        assert f"Process {os.getpid()} on host" in output and "taken over" in output
        # The end of the former holder leaves the lock of the new one.
        held.check()
        with pytest.raises(UserError, match="Only one process"), lock(tmp_path):
            pass


def test_a_fork_does_not_keep_the_lock(tmp_path):
    """A process that was forked from the holder lives on when the holder has ended."""
    with lock(tmp_path):
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
    try:
        with lock(tmp_path):
            pass
    finally:
        os.close(write)
        os.close(read)
        os.waitpid(child, 0)


def left_behind(folder, **values):
    """A file of a holder that has no lock of the file system."""
    content = {"host": os.uname().nodename, "pid": 1, "started": 1, "since": "then", "token": "x"}
    (folder / LOCK_FILE).write_text(json.dumps({**content, **values}))


def test_another_host_without_its_lock(tmp_path, monkeypatch):
    """A mount whose locks do not reach the server: the renewed time of the file decides."""
    monkeypatch.setattr(folder_lock, "WATCH_SECONDS", 0.4)
    left_behind(tmp_path, host="elsewhere")
    with lock(tmp_path):
        pass
    left_behind(tmp_path, host="elsewhere", pid=77)
    renewed = iter(range(10))
    monkeypatch.setattr(folder_lock, "_renewed", lambda path: next(renewed))
    with pytest.raises(UserError, match="Process 77 on host elsewhere"), lock(tmp_path):
        pass
    with lock(tmp_path, take_over=True):
        pass


def test_the_time_is_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_lock, "BEAT_SECONDS", 0.02)
    with lock(tmp_path):
        before = folder_lock._renewed(str(tmp_path / LOCK_FILE))
        deadline = time.monotonic() + 10
        while folder_lock._renewed(str(tmp_path / LOCK_FILE)) == before:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_file_system_without_locks(tmp_path, hold, no_locks, monkeypatch):
    with lock(tmp_path):
        assert description(tmp_path)["pid"] == os.getpid()
    # A process of this host that has ended, or whose number another one has now.
    left_behind(tmp_path, pid=2**22 + 1)
    with lock(tmp_path):
        pass
    left_behind(tmp_path, pid=os.getpid(), started=1)
    with lock(tmp_path):
        pass
    process = hold()
    monkeypatch.setattr(folder_lock, "WATCH_SECONDS", 3 * folder_lock.BEAT_SECONDS)
    with pytest.raises(UserError, match=f"Process {process.pid}"), lock(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": "\\u001b[2J", "pid": [[1]]}'])
def test_a_description_that_is_none(tmp_path, monkeypatch, text):
    monkeypatch.setattr(folder_lock, "WATCH_SECONDS", 0.1)
    (tmp_path / LOCK_FILE).write_text(text)
    with lock(tmp_path):
        (tmp_path / LOCK_FILE).write_text(text)
        with pytest.raises(UserError, match="Only one process") as caught, lock(tmp_path):
            pass
        assert "\x1b" not in str(caught.value)


def test_what_is_in_its_place(tmp_path):
    for number, put in enumerate(
        (os.mkdir, os.mkfifo, lambda path: os.symlink(tmp_path / "foreign", path))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        put(folder / LOCK_FILE)
        with pytest.raises(UserError, match="must be a folder that can be written"), lock(folder):
            pass
    assert not (tmp_path / "foreign").exists()
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "records"):
        with pytest.raises(UserError, match="must be a folder that can be written"), lock(folder):
            pass
        FolderLock.check_free(folder, "x", "y")
