"""The one list of sources: read by Bazel (BUILD) and by CMake (custom_ops/CMakeLists.txt)."""

HEADERS = [
    "custom_ops/kernels/cuda_elements.h",
    "custom_ops/kernels/cuda_gate_shift_fuse.h",
    "custom_ops/kernels/cuda_gate_shift_fuse_gradient.h",
    "custom_ops/kernels/cuda_rubiks_shift.h",
    "custom_ops/kernels/dtype.h",
    "custom_ops/kernels/frame_scaling.h",
    "custom_ops/kernels/gate_shift_fuse.h",
    "custom_ops/kernels/gate_shift_fuse_forward.h",
    "custom_ops/kernels/gate_shift_fuse_gradient.h",
    "custom_ops/kernels/gate_shift_fuse_passes.h",
    "custom_ops/kernels/half_precision.h",
    "custom_ops/kernels/instruction_sets.h",
    "custom_ops/kernels/near_rows.h",
    "custom_ops/kernels/row_blend.h",
    "custom_ops/kernels/rubiks_shift.h",
    "custom_ops/kernels/rubiks_shift_kernels.h",
    "custom_ops/kernels/rubiks_shift_plan.h",
    "custom_ops/kernels/temporal_shift.h",
]

KERNEL_SOURCES = [
    "custom_ops/kernels/frame_scaling.cc",
    "custom_ops/kernels/gate_shift_fuse_cpu.cc",
    "custom_ops/kernels/gate_shift_fuse_fusion_gradient.cc",
    "custom_ops/kernels/gate_shift_fuse_gate.cc",
    "custom_ops/kernels/gate_shift_fuse_gate_gradient.cc",
    "custom_ops/kernels/gate_shift_fuse_gradient_cpu.cc",
    "custom_ops/kernels/gate_shift_fuse_input_gradient.cc",
    "custom_ops/kernels/gate_shift_fuse_output.cc",
    "custom_ops/kernels/gate_shift_fuse_statistics.cc",
    "custom_ops/kernels/instruction_sets.cc",
    "custom_ops/kernels/near_rows.cc",
    "custom_ops/kernels/row_blend.cc",
    "custom_ops/kernels/rubiks_shift_cpu.cc",
    "custom_ops/kernels/rubiks_shift_forward.cc",
    "custom_ops/kernels/rubiks_shift_gradient.cc",
    "custom_ops/kernels/rubiks_shift_near_gradient.cc",
    "custom_ops/kernels/rubiks_shift_plan.cc",
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
    "custom_ops/tensorflow/can_read_op.cc",
    "custom_ops/tensorflow/count_records_op.cc",
    "custom_ops/tensorflow/decode_crops_op.cc",
    "custom_ops/tensorflow/frame_crops.h",
    "custom_ops/tensorflow/gate_shift_fuse_gradient_op.cc",
    "custom_ops/tensorflow/gate_shift_fuse_op.cc",
    "custom_ops/tensorflow/gate_shift_fuse_op.h",
    "custom_ops/tensorflow/parse_clip_op.cc",
    "custom_ops/tensorflow/rubiks_shift_op.cc",
    "custom_ops/tensorflow/scale_crops_op.cc",
    "custom_ops/tensorflow/temporal_shift_op.cc",
    "custom_ops/tensorflow/typed_kernels.h",
]
