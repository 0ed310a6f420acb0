"""Checkpoints of everything that a run needs to continue: complete and verified, or absent."""

import hashlib
import json
import os
import pathlib
import shutil

import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.literal_paths import plain_path
from gsf_tf.training.run_state import RunState

PREFIX = "weights"
STATE_FILE = "state.json"
PARTIAL = ".partial"
DAMAGED = "damaged-"


class Checkpoints:
    """The folder of a run's checkpoints.

    Each checkpoint is a folder `epoch-0003-step-00000012` with TensorFlow's files and `state.json`,
    which holds the epoch and step of the run, and size and SHA-256 of the files. A checkpoint is
    written under a temporary name, read back and then renamed. So a folder with such a name is
    always complete, even if the process is killed.

    Args:
        directory: The folder; it need not exist.
        checkpoint: `tf.train.Checkpoint` of all variables that a run changes.
        keep: Number of the newest checkpoints that are kept, >= 1; older ones are deleted.
        writes: Whether this process writes checkpoints. Of several workers, only one does.
    """

    def __init__(self, directory, checkpoint, keep=2, writes=True):
        self.directory = pathlib.Path(directory)
        self.checkpoint = checkpoint
        self.keep = keep
        self.writes = writes

    def save(self, state):
        """Writes a checkpoint and deletes those that are neither among the newest nor the best.

        Args:
            state: `RunState`. Its `best` names a checkpoint that is kept even if it is old.

        Returns:
            The name of the checkpoint. An existing checkpoint of this name is not written again.

        Raises:
            UserError: If it cannot be written, or reading it back shows an error. Earlier
                checkpoints are kept.
        """
        name, content = checkpoint_name(state.epoch, state.step), state.as_dict()
        if not self.writes:
            return name
        path, partial = self.directory / name, self.directory / f"{name}{PARTIAL}"
        if not path.exists():
            try:
                self._write(partial, content)
                os.replace(partial, path)
                _sync(self.directory)
            except (OSError, tf.errors.OpError) as error:
                shutil.rmtree(partial, ignore_errors=True)
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise UserError(
                    f"A checkpoint must be written whole. {path} was not: {reason}. The earlier "
                    f"ones are intact ({', '.join(self.names()) or 'there is none yet'}). Make "
                    "room, or make the folder writable, and give the same command again."
                ) from error
        self._prune(state.best and state.best["checkpoint"])
        return name

    def names(self):
        """Returns the names of the checkpoints, the oldest first."""
        return [path.name for path in complete_checkpoints(self.directory)]

    def newest(self, report):
        """Returns the name of the newest intact checkpoint, or None without any checkpoint.

        Incomplete files of a killed process are removed. A damaged checkpoint is reported and
        renamed so that its name begins with "damaged-", and the checkpoint before it is returned.

        Args:
            report: Callable that prints a line of text.

        Raises:
            UserError: If all checkpoints are damaged.
        """
        self._remove_unfinished()
        found = self.names()
        for name in reversed(found):
            path = self.directory / name
            damage = _damage(path)
            if not damage:
                return name
            path.rename(self.directory / f"{DAMAGED}{name}")
            report(f"Damaged checkpoint {path}: {damage}. The one before it is taken.")
        if found:
            raise UserError(
                f"A run continues from a whole checkpoint. All in {self.directory} are damaged and "
                f"are set aside there as {DAMAGED}*. Start anew in another workdir."
            )
        return None

    def restore(self, name):
        """Restores a checkpoint and returns the `RunState` that was passed to `save`.

        Raises:
            UserError: If the checkpoint is of another model or optimizer.
        """
        path = self.directory / name
        try:
            with plain_path(path) as folder:
                status = self.checkpoint.read(str(folder / PREFIX))
                status.assert_existing_objects_matched()
                status.assert_consumed()
        except (AssertionError, ValueError, IndexError, tf.errors.OpError) as error:
            reason = (str(error).strip().splitlines() or ["it is unreadable"])[0]
            raise UserError(
                "A checkpoint continues the model and optimizer it was written by. "
                f"Received: {path}, which does not fit: {reason} Train in another workdir, or "
                "with the configuration this one began with."
            ) from error
        return RunState.load(json.loads((path / STATE_FILE).read_text()))

    def restore_latest(self, report):
        """Restores the `newest` checkpoint and returns its `RunState`, or None without one."""
        name = self.newest(report)
        return name and self.restore(name)

    def _write(self, partial, state):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self.checkpoint.write(str(partial / PREFIX))
        files = {path.name: _fingerprint(path) for path in sorted(partial.iterdir())}
        (partial / STATE_FILE).write_text(json.dumps({**state, "files": files}, indent=2) + "\n")
        for path in partial.iterdir():
            _sync(path)
        # Reading every tensor makes TensorFlow verify the checksums that it has written.
        with plain_path(partial) as folder:
            reader = tf.train.load_checkpoint(str(folder / PREFIX))
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
        damage = _damage(partial)
        if damage:
            raise OSError(f"read back, {damage}")

    def _remove_unfinished(self):
        """Removes the folders that a killed process has written or deleted in part."""
        for path in self.directory.glob("epoch-*-step-*"):
            if path.name.endswith(PARTIAL) or not (path / STATE_FILE).exists():
                shutil.rmtree(path)

    def _prune(self, best):
        names = self.names()
        for name in names[: -self.keep]:
            if name != best:
                # The state file goes first: without it, a partly deleted folder is no checkpoint.
                (self.directory / name / STATE_FILE).unlink()
                shutil.rmtree(self.directory / name)


def checkpoint_name(epoch, step):
    """Returns the name of the checkpoint after a step of an epoch."""
    return f"epoch-{epoch:04d}-step-{step:08d}"


def checkpoint_place(name):
    """Returns the epoch and the step in the name of a checkpoint."""
    return [int(number) for number in name.removeprefix("epoch-").split("-step-")]


def complete_checkpoints(directory):
    """Returns the folders of all complete checkpoints, the oldest first."""
    paths = pathlib.Path(directory).glob("epoch-*-step-*")
    return sorted(p for p in paths if not p.name.endswith(PARTIAL) and (p / STATE_FILE).exists())


def _fingerprint(path):
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def _damage(path):
    """Returns a description of the damage of a checkpoint, or None if it is intact."""
    try:
        files = json.loads((path / STATE_FILE).read_text())["files"]
        for name, expected in files.items():
            found = _fingerprint(path / name)
            if found["bytes"] != expected["bytes"]:
                return f"{name} has {found['bytes']} bytes instead of {expected['bytes']}"
            if found != expected:
                return f"the content of {name} is not what was written"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _sync(path):
    """Makes the system write a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
