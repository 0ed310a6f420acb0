"""Checkpoints of everything that a run needs to continue: complete and verified, or absent."""

import itertools
import os
import pathlib
import shutil

import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.files.literal_paths import plain_path
from gsf_tf.training.checkpoint_state import (
    STATE_FILE,
    checkpoint_name,
    checkpoint_place,
    find_damage,
    fingerprint,
    read_state,
    state_text,
)
from gsf_tf.training.run_state import RunState

PREFIX = "weights"
PARTIAL = ".partial"
DAMAGED = "damaged-"


class Checkpoints:
    """The folder of a run's checkpoints.

    Each checkpoint is a folder `epoch-0003-step-00000012` with TensorFlow's files and `state.json`,
    which holds the epoch and step of the run, size and SHA-256 of the files, and a checksum of
    itself. A checkpoint is written under a temporary name, read back and then renamed. So a folder
    with such a name is always complete, even if the process is killed. Links are read, but what
    they point to is neither changed nor removed; files and folders with other names stay.

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
            UserError: If it cannot be written, reading it back shows an error, or an old one
                cannot be deleted. Earlier checkpoints are kept.
        """
        name, content = checkpoint_name(state.epoch, state.step), state.as_dict()
        if not self.writes:
            return name
        path, partial = self.directory / name, self.directory / f"{name}{PARTIAL}"
        if name not in self.names():
            try:
                self._write(partial, name, content)
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

        Incomplete files of a killed process are removed. A damaged checkpoint, and anything else
        that has the name of one, is reported and renamed so that its name begins with "damaged-",
        and the checkpoint before it is returned.

        Args:
            report: Callable that prints a line of text.

        Raises:
            UserError: If all checkpoints are damaged, or the folder cannot be changed.
        """
        try:
            self._remove_unfinished()
            found = _entries(self.directory)
            for path in reversed(found):
                damage = find_damage(path, path.name)
                if not damage:
                    return path.name
                path.rename(self._free_name(f"{DAMAGED}{path.name}"))
                report(f"Damaged checkpoint {path}: {damage}. The one before it is taken.")
        except OSError as error:
            raise UserError(
                "A run that continues must be able to change its folder of checkpoints. "
                f"Received: {self.directory} ({error}). Make it writable, and give the same "
                "command again."
            ) from error
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
            state = read_state(path, name)
            with plain_path(path) as folder:
                status = self.checkpoint.read(str(folder / PREFIX))
                status.assert_existing_objects_matched()
                status.assert_consumed()
            return RunState.load(state)
        except (
            *(AssertionError, LookupError, OSError, RuntimeError, TypeError, ValueError),
            tf.errors.OpError,
        ) as error:
            reason = (str(error).strip().splitlines() or ["it is unreadable"])[0]
            raise UserError(
                "A checkpoint continues the model and optimizer it was written by. "
                f"Received: {path}, which does not fit: {reason} Train in another workdir, or "
                "with the configuration this one began with."
            ) from error

    def restore_latest(self, report):
        """Restores the `newest` checkpoint and returns its `RunState`, or None without one."""
        name = self.newest(report)
        return name and self.restore(name)

    def _write(self, partial, name, state):
        _remove(partial)
        partial.mkdir(parents=True)
        self.checkpoint.write(str(partial / PREFIX))
        files = {path.name: fingerprint(path) for path in sorted(partial.iterdir())}
        (partial / STATE_FILE).write_text(state_text(state, files))
        for path in partial.iterdir():
            _sync(path)
        # Reading every tensor makes TensorFlow verify the checksums that it has written.
        with plain_path(partial) as folder:
            reader = tf.train.load_checkpoint(str(folder / PREFIX))
            for tensor in reader.get_variable_to_shape_map():
                reader.get_tensor(tensor)
        damage = find_damage(partial, name)
        if damage:
            raise OSError(f"read back, {damage}")

    def _remove_unfinished(self):
        """Removes the folders that a killed process has written or deleted in part."""
        for path in _children(self.directory):
            name = path.name.removesuffix(PARTIAL)
            if checkpoint_place(name) is None or path.is_symlink() or not path.is_dir():
                continue
            if path.name != name or not os.path.lexists(path / STATE_FILE):
                shutil.rmtree(path)

    def _free_name(self, name):
        """Returns a path in the folder with this name, and a number if there is such a file."""
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        names = (self.directory / candidate for candidate in itertools.chain([name], numbered))
        return next(path for path in names if not os.path.lexists(path))

    def _prune(self, best):
        for path in complete_checkpoints(self.directory)[: -self.keep]:
            if path.name == best or path.is_symlink():
                continue
            try:
                # The state file goes first: without it, a partly deleted folder is no checkpoint.
                (path / STATE_FILE).unlink()
                shutil.rmtree(path)
            except OSError as error:
                raise UserError(
                    "Checkpoints that are no longer needed must be deletable. "
                    f"Received: {path} ({error}). Make the folder writable, and give the same "
                    "command again."
                ) from error


def complete_checkpoints(directory):
    """Returns the folders of all complete checkpoints, the oldest first."""
    return [path for path in _entries(directory) if (path / STATE_FILE).is_file()]


def _entries(directory):
    """Returns all that has the name of a checkpoint, the oldest first."""
    found = [path for path in _children(directory) if checkpoint_place(path.name)]
    return sorted(found, key=lambda path: checkpoint_place(path.name))


def _children(directory):
    directory = pathlib.Path(directory)
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _remove(path):
    """Removes a folder with its content, or a file or link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path):
    """Makes the system write a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
