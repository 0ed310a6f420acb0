"""Functions with a compiled kernel and a reference in Keras or TensorFlow that is equal to it.

Those of models have a CPU and a CUDA kernel, those of data pipelines a CPU kernel.

Which of the two runs is said by `use_implementation`, else by the environment variable
`GSF_TF_OPS`, else it is the compiled kernel where it can be used. Nothing is loaded on import.
"""

from gsf_tf.ops.decode_crops import decode_crops
from gsf_tf.ops.gate_shift_fuse import gate_shift_fuse
from gsf_tf.ops.implementation import (
    ReferencePathWarning,
    implementation_of,
    use_implementation,
)
from gsf_tf.ops.rubiks_shift import rubiks_shift
from gsf_tf.ops.scale_crops import scale_crops
from gsf_tf.ops.status import OpStatus, op_status
from gsf_tf.ops.temporal_shift import temporal_shift

__all__ = [
    "OpStatus",
    "ReferencePathWarning",
    "decode_crops",
    "gate_shift_fuse",
    "implementation_of",
    "op_status",
    "rubiks_shift",
    "scale_crops",
    "temporal_shift",
    "use_implementation",
]
