"""What each op runs on, for the doctor and for logs."""

from typing import NamedTuple

from gsf_tf.ops import implementation, library


class OpStatus(NamedTuple):
    """One op: `implementation` is "compiled", "reference" or "unavailable", `devices` the kinds its
    compiled kernel serves, `reason` why it is not the compiled one."""

    op: str
    implementation: str
    devices: tuple[str, ...]
    reason: str | None


def op_status():
    """Returns an `OpStatus` per op. Loads the library, and neither warns nor raises."""
    return [_status(op) for op in library.OPS]


def _status(op):
    try:
        reason = implementation.reference_reason(op)
    except (RuntimeError, ValueError) as error:
        return OpStatus(op, "unavailable", (), str(error))
    if reason:
        return OpStatus(op, "reference", (), reason)
    return OpStatus(op, "compiled", library.kernel_devices(op), None)
