"""A lock on a folder, so that two processes do not write into it at once."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
import stat
import threading
import time
import uuid

from gsf_tf.errors import UserError
from gsf_tf.files.regular_file import open_regular, parse_json

LOCK_FILE = ".lock"

# The holder renews the file's time so often, and others wait so long to see that.
BEAT_SECONDS = 5.0
WATCH_SECONDS = 20.0

# What file systems without locks answer, such as Lustre without the option `flock`.
_UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


class FolderLock:
    """Keeps other processes from writing into a folder, as a context manager.

    The file `.lock` in the folder says who holds the lock: host, process and since when. It is
    locked in the file system (`flock`, which Linux carries to the server of an NFS), and its time
    is renewed every five seconds. The operating system releases the lock when the process ends,
    however it ends. Where a file system cannot lock, or another host has left the file without the
    lock, the renewed time decides: a file whose time stands still for 20 seconds has lost its
    holder.

    Args:
        folder: Path of a local folder (or one of a mounted network file system). It is created.
        what: What the holder does there, for the message, such as "writes records".
        argument: Name of the argument that the user gave the folder as.
        take_over: Take the lock from a living holder, which ends at its next `check`.

    Raises:
        UserError: On entry, if another process holds the lock, or the file cannot be written.

    Example:

    ```python
    with FolderLock("records", "writes records", "output") as lock:
        ...
        lock.check()
    ```
    """

    def __init__(self, folder, what, argument, take_over=False):
        self.folder, self.what, self.argument = os.fspath(folder), what, argument
        self.take_over = take_over
        self.path = os.path.join(self.folder, LOCK_FILE)
        self._token = uuid.uuid4().hex
        self._descriptor = self._beat = None

    def __enter__(self):
        try:
            os.makedirs(self.folder, exist_ok=True)
            if self.take_over:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path)
            while self._descriptor is None:
                self._descriptor = self._open()
            self._describe()
        except OSError as error:
            if self._descriptor is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self.path)
            self._close()
            raise UserError(
                f"`{self.argument}` must be a folder that can be written. "
                f"Received: {self.folder} ({error})"
            ) from error
        except BaseException:
            self._close()
            raise
        self._stop = threading.Event()
        self._beat = threading.Thread(target=self._renew, daemon=True)
        self._beat.start()
        # A fork that outlives this process must not hold the lock.
        _held.add(self)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._beat.join()
        with contextlib.suppress(OSError):
            # A fork that leaves the block has no descriptor: the lock is its parent's.
            if self._descriptor is not None and self._is_ours():
                os.unlink(self.path)
        self._close()

    def check(self):
        """Raises UserError if another process has taken the lock over."""
        if not self._is_ours():
            raise UserError(
                f"Only one process may write into a folder. {_describe(self._read())} has taken "
                f"over {self.folder}, so this one ends. What it has finished stays."
            )

    @classmethod
    def check_free(cls, folder, what, argument):
        """Raises UserError if another process holds the lock of a folder; changes nothing."""
        lock = cls(folder, what, argument)
        try:
            descriptor = os.open(lock.path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return
        try:
            lock._try_to_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def _open(self):
        """Returns the descriptor of the locked file, None if the file has just been replaced."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{self.path} is no file")
            is_locked = self._try_to_lock(descriptor, fcntl.LOCK_EX)
            if not _is_at(descriptor, self.path):
                os.close(descriptor)
                return None
            holder = self._read()
            # A process of this host that is alive would hold the lock of the file system.
            left_behind = is_locked and holder.get("host") == socket.gethostname()
            if holder and not left_behind and self._lives(holder):
                raise self._busy(holder)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _try_to_lock(self, descriptor, kind):
        """Returns whether the file is locked now; False if the file system has no locks."""
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._busy(self._read()) from error
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            return False
        return True

    def _lives(self, holder):
        """Returns whether the time of the file is renewed; that of a process here needs no wait."""
        if holder.get("host") == socket.gethostname() and not _is_running(holder):
            return False
        before, deadline = _renewed(self.path), time.monotonic() + WATCH_SECONDS
        while time.monotonic() < deadline:
            time.sleep(min(1.0, WATCH_SECONDS / 4))
            if _renewed(self.path) != before:
                return True
        return False

    def _describe(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        content = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": _start_of(os.getpid()),
            "since": now.isoformat(timespec="seconds"),
            "what": self.what,
            "token": self._token,
        }
        data, written = json.dumps(content).encode(), 0
        os.ftruncate(self._descriptor, 0)
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:], written)
        os.fsync(self._descriptor)

    def _renew(self):
        while not self._stop.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(self._descriptor)

    def _is_ours(self):
        return self._read().get("token") == self._token

    def _read(self):
        """Returns the description in the file, empty if there is none that can be read."""
        try:
            with open_regular(self.path) as file:
                content = parse_json(file.read(10_000))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _busy(self, holder):
        return UserError(
            f"Only one process may write into a folder at a time. {_describe(holder)} "
            f"{holder.get('what', 'writes')} in {self.folder} now. Wait for its end, or name "
            f"another `{self.argument}`. If it must not go on, end it; or take the folder over "
            "(`take_over`), and it ends at its next step."
        )

    def _close(self):
        _held.discard(self)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _describe(holder):
    parts = {name: f"{holder.get(name, 'unknown')!s:.100}" for name in ("host", "pid", "since")}
    parts = {name: part if part.isprintable() else "unknown" for name, part in parts.items()}
    if holder.get("host") == socket.gethostname() and holder.get("pid") == os.getpid():
        return f"This process itself (process {parts['pid']}, since {parts['since']})"
    return f"Process {parts['pid']} on host {parts['host']} (since {parts['since']})"


def _is_at(descriptor, path):
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _renewed(path):
    """Returns when a file was last changed, asking the server of a network file system."""
    try:
        with open_regular(path) as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None


def _start_of(pid):
    """Returns when a process of this host was started, in the ticks of Linux; None if it is not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def _is_running(holder):
    """Returns whether a process of this host may be the holder; where nothing is known, it may."""
    pid, started = holder.get("pid"), holder.get("started")
    return type(pid) is not int or started is None or _start_of(pid) == started


_held = set()


def _leave_to_parent():
    """Closes the locks of the parent in a fork, which shares them otherwise."""
    for lock in list(_held):
        lock._close()


os.register_at_fork(after_in_child=_leave_to_parent)
