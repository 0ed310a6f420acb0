"""The choice between the compiled kernel and the reference of each op."""

import contextlib
import contextvars
import functools
import os
import warnings
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from gsf_tf.errors import UserError
from gsf_tf.ops import library

ENVIRONMENT_VARIABLE = "GSF_TF_OPS"
IMPLEMENTATIONS = ("auto", "compiled", "reference")

_EVERY_OP = "*"
_XLA = "XLA compiles this function and has no kernels of the compiled ops"
_context = contextvars.ContextVar("gsf_tf_ops", default=None)
_warned = set()


class ImplementationError(UserError, ValueError):
    """The name of an implementation is not one of those that exist."""


class ReferencePathWarning(UserWarning):
    """An op runs on its slower reference although the user did not choose it."""


@contextlib.contextmanager
def use_implementation(implementation: str) -> Iterator[None]:
    """Chooses the implementation of the ops that are called in a `with` block, in this thread.

    The choice is made when an op is called; in a `tf.function`, that is while it is traced. It
    overrides the environment variable `GSF_TF_OPS`, which has the same values. Compiled kernels
    cannot run in a function that XLA compiles (`jit_compile=True`).

    Args:
        implementation: `"auto"` (the compiled kernel if it can be used, else the reference),
            `"compiled"` (an error if the compiled kernel cannot be used) or `"reference"`. It holds
            for all ops, or for one op as in `"temporal_shift=reference"`. A list separated by
            commas is read from left to right, and later entries override earlier ones.

    Raises:
        ValueError: If `implementation` is none of these.

    Example:

    ```python
    with gsf_tf.ops.use_implementation("reference"):
        model.export("exported")
    ```
    """
    chosen = _parse(implementation, "implementation")
    if _EVERY_OP not in chosen:
        chosen = {**(_context.get() or {}), **chosen}
    token = _context.set(chosen)
    try:
        yield
    finally:
        _context.reset(token)


def implementation_of(op: str) -> str:
    """Returns the implementation that a call of an op would run now.

    Args:
        op: Name of a function with a compiled kernel: `"gate_shift_fuse"`, `"temporal_shift"`,
            `"rubiks_shift"`, `"rubiks_shift_pointwise"`, `"motion_flow"`, `"decode_crops"`,
            `"scale_crops"`, or one of the record reader's, `"parse_clip"`, `"can_read"` and
            `"count_records"`.

    Returns:
        `"compiled"` or `"reference"`.

    Raises:
        ValueError: If there is no such op.
        RuntimeError: If the user chose the compiled kernel and it cannot be used.
    """
    return "reference" if reference_reason(op) else "compiled"


def reference_reason(op):
    """Returns the reason why `op` runs on its reference, or None if the compiled kernel runs."""
    if op not in library.OPS:
        raise ValueError(f"op must be one of {sorted(library.OPS)}. Received: op={op!r}")
    choice, chosen_by = _choice(op)
    if choice == "reference":
        return f"chosen by {chosen_by}"
    reason = library.load().reason
    if reason and choice == "compiled":
        raise RuntimeError(
            f"{chosen_by} asks for the compiled {op}, but {reason}. Build it with `pip install .` "
            f"in the source tree (`python -m gsf_tf.doctor` shows the state), or choose 'auto'."
        )
    if not reason and in_xla():
        if choice == "compiled":
            raise RuntimeError(
                f"{chosen_by} asks for the compiled {op}, but {_XLA}. Call it outside of "
                f"`jit_compile=True`, or choose 'auto'."
            )
        return _XLA
    lacks_gpu = op not in library.CPU_OPS and "gpu" not in library.kernel_devices(op)
    if not reason and choice == "auto" and _has_gpu() and lacks_gpu:
        reason = "the compiled library was built without CUDA and there is a GPU"
    return reason


def use_compiled(op):
    """Returns whether a call of `op` runs its kernel; warns once if it unexpectedly cannot."""
    reason = reference_reason(op)
    if reason and _choice(op)[0] == "auto" and reason not in _warned:
        _warned.add(reason)
        remedy = (
            "compile with jit_compile=False"
            if reason == _XLA
            else "run `pip install --no-build-isolation .` in the source tree on a machine with a "
            "C++ compiler; `python -m gsf_tf.doctor` shows the state"
        )
        warnings.warn(
            f"gsf_tf runs its ops on the reference path, with the same results but slower, because "
            f"{reason}. To use the compiled ops, {remedy}. "
            f"To silence this warning, set {ENVIRONMENT_VARIABLE}=reference.",
            ReferencePathWarning,
            stacklevel=3,
        )
    return reason is None


def in_xla():
    """Returns whether the running code is traced into a function that XLA compiles."""
    # The context is entered by tf.function(jit_compile=True); functions traced inside inherit it.
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def refuse_xla(op, reason):
    """Raises ValueError in a function that XLA compiles.

    Args:
        op: Name of the op that XLA cannot compile.
        reason: Why it cannot, a clause for the message.
    """
    if in_xla():
        raise ValueError(
            f"{op} must not be called in a function that XLA compiles (`jit_compile=True`): "
            f"{reason}. Compile the function, or the model, with jit_compile=False."
        )


def _choice(op):
    in_context = _context.get() or {}
    in_environment = _parse(os.environ.get(ENVIRONMENT_VARIABLE) or "auto", ENVIRONMENT_VARIABLE)
    for chosen, chosen_by in (
        (in_context, "use_implementation"),
        (in_environment, ENVIRONMENT_VARIABLE),
    ):
        for key in (op, _EVERY_OP):
            if key in chosen:
                return chosen[key], chosen_by
    return "auto", "default"


@functools.cache
def _parse(text, source):
    chosen = {}
    for item in text.split(","):
        op, equals, implementation = item.strip().rpartition("=")
        unknown_op = equals and op not in library.OPS
        if unknown_op or implementation not in IMPLEMENTATIONS:
            raise ImplementationError(
                f"{source} must be one of {', '.join(IMPLEMENTATIONS)}, or OP=one of these with OP "
                f"in {sorted(library.OPS)}, or several separated by commas. "
                f"Received: {source}={text!r}"
            )
        if equals:
            chosen[op] = implementation
        else:
            chosen = {_EVERY_OP: implementation}
    return chosen


@functools.cache
def _has_gpu():
    return bool(tf.config.list_physical_devices("GPU"))
