"""The choice between the compiled kernel and the reference path of each op."""

import contextlib
import contextvars
import functools
import os
import warnings

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
    """An implementation is asked for that does not exist."""


class ReferencePathWarning(UserWarning):
    """An op runs on the slower reference path although nobody asked for it."""


@contextlib.contextmanager
def use_implementation(implementation):
    """Chooses the implementation of the ops called in a `with` block, in this thread.

    The choice is made where an op is called, so inside a `tf.function` it is that of the trace.
    It goes before the environment variable `GSF_TF_OPS`, which takes the same values. In a function
    that XLA compiles (`jit_compile=True`) the compiled kernels cannot be used.

    Args:
        implementation: `"auto"` (compiled where it can be used), `"compiled"` (an error where it
            cannot) or `"reference"`, for all ops or for one as in `"temporal_shift=reference"`;
            several, separated by commas, the later ones going first.

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


def implementation_of(op):
    """Returns `"compiled"` or `"reference"`: what a call of `op` would run here and now.

    Args:
        op: The name of a function of `gsf_tf.ops`.

    Raises:
        RuntimeError: The compiled kernel is asked for and cannot be used.
    """
    return "reference" if reference_reason(op) else "compiled"


def reference_reason(op):
    """Why `op` runs on the reference path, or None where the compiled kernel runs."""
    if op not in library.OPS:
        raise ValueError(f"op must be one of {sorted(library.OPS)}; received {op!r}.")
    choice, chosen_by = _choice(op)
    if choice == "reference":
        return f"chosen by {chosen_by}"
    reason = library.load().reason
    if reason and choice == "compiled":
        raise RuntimeError(
            f"{chosen_by} asks for the compiled {op}, but {reason}. Build it with `pip install .` "
            f"in the source tree (`python -m gsf_tf.doctor` shows the state), or choose auto."
        )
    if not reason and in_xla():
        if choice == "compiled":
            raise RuntimeError(
                f"{chosen_by} asks for the compiled {op}, but {_XLA}. Call it outside of "
                f"`jit_compile=True`, or choose auto."
            )
        return _XLA
    lacks_gpu = op not in library.CPU_OPS and "gpu" not in library.kernel_devices(op)
    if not reason and choice == "auto" and _has_gpu() and lacks_gpu:
        reason = "the compiled library was built without CUDA and there is a GPU"
    return reason


def use_compiled(op):
    """Whether a call of `op` takes its compiled kernel; warns once when it unexpectedly cannot."""
    reason = reference_reason(op)
    if reason and _choice(op)[0] == "auto" and reason not in _warned:
        _warned.add(reason)
        remedy = (
            "compile with jit_compile=False"
            if reason == _XLA
            else "run `pip install --no-build-isolation .` in the source tree, with a C++ compiler "
            "there; `python -m gsf_tf.doctor` shows the state"
        )
        warnings.warn(
            f"gsf_tf runs its ops on the reference path, with the same results but slower, because "
            f"{reason}. To have the compiled ops, {remedy}. "
            f"To silence this warning, set {ENVIRONMENT_VARIABLE}=reference.",
            ReferencePathWarning,
            stacklevel=3,
        )
    return reason is None


def in_xla():
    """Whether the code that runs now is traced into a function that XLA compiles."""
    # The context is entered by tf.function(jit_compile=True); functions traced inside inherit it.
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def refuse_xla(op, reason):
    """Raises an error in a function that XLA compiles; `reason` says why it cannot compile `op`."""
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
                f"in {sorted(library.OPS)}, or several separated by commas; received {text!r}."
            )
        if equals:
            chosen[op] = implementation
        else:
            chosen = {_EVERY_OP: implementation}
    return chosen


@functools.cache
def _has_gpu():
    return bool(tf.config.list_physical_devices("GPU"))
