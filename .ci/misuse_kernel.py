"""Calls a kernel of the compiled library wrongly, which its sanitizers must notice (.ci/sanitize).

Usage: misuse_kernel.py LIBRARY row_past_the_end|clip_of_no_frames
"""

import ctypes
import importlib.util
import sys
from pathlib import Path

# More than Python's own allocator hands out, so that the sanitizer knows the ends.
ROW_BYTES, ROWS = 512, 8


class TemporalShiftShape(ctypes.Structure):
    """`gsf_temporal_shift_shape` of custom_ops/kernels/temporal_shift.h."""

    _fields_ = [
        ("num_frames", ctypes.c_int64),
        ("num_segments", ctypes.c_int64),
        ("rows_per_frame", ctypes.c_int64),
        ("row_bytes", ctypes.c_int64),
        ("fold_bytes", ctypes.c_int64),
        ("reverse", ctypes.c_int32),
    ]


def main(library, misuse):
    tensorflow = Path(importlib.util.find_spec("tensorflow").origin).parent
    for part in ("framework", "cc"):
        ctypes.CDLL(str(tensorflow / f"libtensorflow_{part}.so.2"), ctypes.RTLD_GLOBAL)
    kernel = ctypes.CDLL(str(Path(library).resolve())).gsf_temporal_shift_cpu
    x, y = ((ctypes.c_char * (ROWS * ROW_BYTES))() for _ in range(2))

    def shift(num_segments, last_row):
        shape = TemporalShiftShape(ROWS, num_segments, 1, ROW_BYTES, ROW_BYTES // 4, 0)
        kernel(x, y, ctypes.byref(shape), ctypes.c_int64(0), ctypes.c_int64(last_row))

    shift(num_segments=2, last_row=ROWS)
    if misuse == "row_past_the_end":
        shift(num_segments=2, last_row=ROWS + 1)
    elif misuse == "clip_of_no_frames":
        shift(num_segments=0, last_row=ROWS)


if __name__ == "__main__":
    main(*sys.argv[1:])
