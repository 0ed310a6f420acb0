"""What the processor of this machine must have for some tests."""

import pathlib

import pytest

_CPU = pathlib.Path("/proc/cpuinfo")

needs_avx512 = pytest.mark.skipif(
    not _CPU.exists() or "avx512f" not in _CPU.read_text(),
    reason="TensorFlow rewrites graphs to bfloat16 on processors with AVX-512 only",
)
