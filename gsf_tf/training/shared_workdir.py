"""The workers of a run share one folder: the chief writes its files and the others read them."""

import time
import zlib

from gsf_tf.errors import UserError
from gsf_tf.training.checkpoint_state import checkpoint_name, checkpoint_place

# Network file systems show a file of another machine with a delay: NFS remembers for a minute that
# a file did not exist.
SECONDS = 90.0


def start_workdir(workdir, devices, config, info, temporal_layers, defaults=None):
    """Starts or continues a run in its folder, on all workers together.

    Args:
        workdir: `Workdir`.
        devices: `Devices`.
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.
        temporal_layers: As in `Workdir.start`.
        defaults: As in `Workdir.start`.

    Raises:
        UserError: If `Workdir.start` raises it, this worker does not see the chief's folder, or it
            was started with another configuration.
    """
    if devices.is_chief:
        workdir.start(config, info, temporal_layers, defaults)
    # The description contains the time of the last start, so an older one has another checksum.
    (expected,) = devices.from_chief([_checksum(workdir.run_file)])
    if not _appears(lambda: _checksum(workdir.run_file) == expected):
        raise _not_shared(workdir.run_file, devices)
    workdir.check_same_run(config, info, defaults)
    devices.wait()


def restore_checkpoint(checkpoints, devices, report):
    """Restores the newest intact checkpoint, the same one on all workers.

    Args:
        checkpoints: `Checkpoints`.
        devices: `Devices`.
        report: Callable that prints a line of text.

    Returns:
        The `RunState` of the checkpoint, or None without a checkpoint.

    Raises:
        UserError: If `Checkpoints.newest` or `Checkpoints.restore` raises it, or this worker does
            not see the chief's checkpoint.
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
