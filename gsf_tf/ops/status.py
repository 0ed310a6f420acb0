"""The implementation that each op runs on, for the doctor and for logs."""

from typing import NamedTuple

from gsf_tf.ops import implementation, library


class OpStatus(NamedTuple):
    """The implementation that an op would run on if it were called now.

    Attributes:
        op: Name of the function.
        implementation: `"compiled"`, `"reference"`, or `"unavailable"` if a call would raise.
        devices: Kinds of devices that have a compiled kernel, such as `("cpu", "gpu")`; empty
            unless `implementation` is `"compiled"`.
        reason: The reason why the compiled kernel does not run, or None if it does.
    """

    op: str
    implementation: str
    devices: tuple[str, ...]
    reason: str | None


def op_status() -> list[OpStatus]:
    """Returns an `OpStatus` for each op. Loads the compiled library; neither warns nor raises."""
    return [_status(op) for op in library.OPS]


def _status(op):
    try:
        reason = implementation.reference_reason(op)
    except (RuntimeError, ValueError) as error:
        return OpStatus(op, "unavailable", (), str(error))
    if reason:
        return OpStatus(op, "reference", (), reason)
    return OpStatus(op, "compiled", library.kernel_devices(op), None)
