"""The compiled library: checked and loaded on first use, or the reason why it cannot be used."""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.framework import kernels

# Function that has a compiled form -> name of its TensorFlow op.
OPS = {
    "gate_shift_fuse": "GsfTf>GateShiftFuse",
    "temporal_shift": "GsfTf>TemporalShift",
    "rubiks_shift": "GsfTf>RubiksShift",
    "rubiks_shift_pointwise": "GsfTf>RubiksShiftPointwise",
    "motion_flow": "GsfTf>MotionFlow",
    "decode_crops": "GsfTf>DecodeCrops",
    "scale_crops": "GsfTf>ScaleCrops",
    "parse_clip": "GsfTf>ParseClip",
    "can_read": "GsfTf>CanRead",
    "count_records": "GsfTf>CountRecords",
}

# The ops of the data pipelines, which run on the CPU even if the machine has a GPU.
CPU_OPS = frozenset({"can_read", "count_records", "decode_crops", "parse_clip", "scale_crops"})

LIBRARY_PATH = Path(__file__).with_name("_gsf_tf_ops.so")
BUILD_INFO_PATH = Path(__file__).with_name("_build_info.json")


class Library(NamedTuple):
    """The loaded library.

    Attributes:
        raw: Module of the raw op functions, or None if the library cannot be used.
        reason: The reason why it cannot be used, or None if it can.
    """

    raw: Any
    reason: str | None


def build_info():
    """Returns the description of the build (`custom_ops/build_info.py`), or None without one."""
    try:
        info = json.loads(BUILD_INFO_PATH.read_text())
    except (OSError, ValueError):
        return None
    return info if isinstance(info, dict) else None


@functools.cache
def load():
    """Returns the `Library`, loaded once per process. Never raises if it does not fit."""
    reason = _unfit_reason(build_info())
    if reason:
        return Library(None, reason)
    try:
        return Library(tf.load_op_library(str(LIBRARY_PATH)), None)
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        return Library(None, f"the compiled library does not load: {first_line}")


@functools.cache
def kernel_devices(op):
    """Returns the kinds of devices for which the library has kernels of `op`: ("cpu", "gpu")."""
    if load().raw is None:
        return ()
    registered = kernels.get_registered_kernels_for_op(OPS[op]).kernel
    return tuple(sorted({kernel.device_type.lower() for kernel in registered}))


def raw_op(op):
    """Returns the raw TensorFlow function of `op`; the library must have been loaded."""
    return getattr(load().raw, f"gsf_tf_{op}")


def _unfit_reason(info):
    if info is None:
        return "the compiled library was not built"
    if info.get("failure"):
        return f"the compiled library was not built: {info['failure']}"
    built, running = info.get("tensorflow", "unknown"), tf.__version__
    if _minor(built) != _minor(running):
        return f"the compiled library is for TensorFlow {built}, this is TensorFlow {running}"
    # Mapping a truncated library can kill the process, so the file's hash is compared first.
    try:
        digest = hashlib.sha256(LIBRARY_PATH.read_bytes()).hexdigest()
    except OSError as error:
        return f"the compiled library cannot be read: {error.strerror}"
    if digest != info.get("library_sha256"):
        return "the compiled library is not the one its build info describes"
    return None


def _minor(version):
    return version.split(".")[:2]
