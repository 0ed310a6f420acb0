"""The one list of sources: read by Bazel (BUILD) and by CMake (custom_ops/CMakeLists.txt)."""

HEADERS = [
    "custom_ops/kernels/temporal_shift.h",
]

KERNEL_SOURCES = [
    "custom_ops/kernels/temporal_shift_cpu.cc",
]

CUDA_SOURCES = [
    "custom_ops/kernels/gate_shift_fuse_cuda.cu",
    "custom_ops/kernels/gate_shift_fuse_gate_cuda.cu",
    "custom_ops/kernels/gate_shift_fuse_gradient_cuda.cu",
    "custom_ops/kernels/gate_shift_fuse_input_gradient_cuda.cu",
    "custom_ops/kernels/rubiks_shift_cuda.cu",
    "custom_ops/kernels/rubiks_shift_gradient_cuda.cu",
    "custom_ops/kernels/temporal_shift_cuda.cu",
]

OP_SOURCES = [
    "custom_ops/tensorflow/temporal_shift_op.cc",
]
