"""How the workers of a run use one folder: the chief writes, the others read what it wrote."""

import time
import zlib

from gsf_tf.errors import UserError
from gsf_tf.training.checkpoints import checkpoint_name, checkpoint_place

# Network file systems show a file of another machine after a while; NFS remembers for a minute
# what was not there.
SECONDS = 90.0


def start_workdir(workdir, devices, config, info, temporal_layers):
    """Starts or continues a run in its folder, on all workers together.

    Args:
        workdir: `Workdir`.
        devices: `Devices`.
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.
        temporal_layers: As for `Workdir.start`.

    Raises:
        UserError: As `Workdir.start` does; or if this worker does not see the chief's folder, or
            was started with another configuration.
    """
    if devices.is_chief:
        workdir.start(config, info, temporal_layers)
    # The description has the time of its last start, so no older one is taken for it.
    (expected,) = devices.from_chief([_checksum(workdir.run_file)])
    if not _appears(lambda: _checksum(workdir.run_file) == expected):
        raise _not_shared(workdir.run_file, devices)
    workdir.check_same_run(config, info)
    devices.wait()


def restore_checkpoint(checkpoints, devices, report):
    """Restores the newest checkpoint that is whole, the same one on all workers.

    Args:
        checkpoints: `Checkpoints`.
        devices: `Devices`.
        report: Callable that prints a line of text.

    Returns:
        The `RunState` of the checkpoint; None if there is none.

    Raises:
        UserError: As `Checkpoints.newest` and `Checkpoints.restore` do; or if this worker does not
            see the chief's checkpoint.
    """
    name = checkpoints.newest(report) if devices.is_chief else None
    epoch, step = devices.from_chief(checkpoint_place(name) if name else (0, 0)).astype(int)
    if not epoch:
        return None
    name = checkpoint_name(epoch, step)
    if not _appears(lambda: name in checkpoints.names()):
        raise _not_shared(checkpoints.directory / name, devices)
    state = checkpoints.restore(name)
    devices.wait()
    return state


def _checksum(path):
    try:
        return zlib.crc32(path.read_bytes())
    except OSError:
        return -1


def _appears(is_there):
    deadline = time.monotonic() + SECONDS
    while not is_there():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _not_shared(path, devices):
    return UserError(
        "`workdir` must be one folder that all workers see, such as one on a network file system: "
        f"the chief writes it and the others read it. Worker {devices.worker} does not see what "
        f"the chief has written to {path}, or sees something else, after {SECONDS:.0f} seconds."
    )
