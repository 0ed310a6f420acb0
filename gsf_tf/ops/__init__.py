"""Functions that have a compiled kernel and an equal reference in Keras or TensorFlow.

The ops of models have a CPU and a CUDA kernel, the ops of data pipelines a CPU kernel.

`use_implementation` chooses between kernel and reference; without it, the environment variable
`GSF_TF_OPS` does; without either, the compiled kernel runs wherever it can be used. The compiled
library is loaded by the first call of an op, not by the import.
"""

from gsf_tf.ops.decode_crops import decode_crops
from gsf_tf.ops.gate_shift_fuse import gate_shift_fuse
from gsf_tf.ops.implementation import (
    ReferencePathWarning,
    implementation_of,
    use_implementation,
)
from gsf_tf.ops.motion_flow import motion_flow
from gsf_tf.ops.rubiks_shift import rubiks_shift
from gsf_tf.ops.rubiks_shift_pointwise import rubiks_shift_pointwise
from gsf_tf.ops.scale_crops import scale_crops
from gsf_tf.ops.status import OpStatus, op_status
from gsf_tf.ops.temporal_shift import temporal_shift

__all__ = [
    "OpStatus",
    "ReferencePathWarning",
    "decode_crops",
    "gate_shift_fuse",
    "implementation_of",
    "motion_flow",
    "op_status",
    "rubiks_shift",
    "rubiks_shift_pointwise",
    "scale_crops",
    "temporal_shift",
    "use_implementation",
]
