"""Limits the memory that FFmpeg takes at once."""

import ctypes
import functools

import av

# Bytes: a picture of `MAX_PIXELS` with four bytes per pixel, and some for its edges.
MAX_ALLOCATION = 320 * 2**20


@functools.cache
def limit_allocations() -> None:
    """Makes FFmpeg refuse larger blocks of memory, in this process and until its end.

    A few bytes of an mp4 file can announce 10**8 frames, of which FFmpeg makes a table before it
    reads the first one. PyAV has no name for the limit; the library that has it comes with PyAV.
    """
    ctypes.CDLL(av._core.__file__).av_max_alloc(ctypes.c_size_t(MAX_ALLOCATION))
