"""Functions with a compiled CPU and CUDA kernel and a pure Keras reference that is equal to it.

Which of the two runs is said by `use_implementation`, else by the environment variable
`GSF_TF_OPS`, else it is the compiled kernel where it can be used. Nothing is loaded on import.
"""

from gsf_tf.ops.gate_shift_fuse import gate_shift_fuse
from gsf_tf.ops.implementation import (
    ReferencePathWarning,
    implementation_of,
    use_implementation,
)
from gsf_tf.ops.rubiks_shift import rubiks_shift
from gsf_tf.ops.status import OpStatus, op_status
from gsf_tf.ops.temporal_shift import temporal_shift

__all__ = [
    "OpStatus",
    "ReferencePathWarning",
    "gate_shift_fuse",
    "implementation_of",
    "op_status",
    "rubiks_shift",
    "temporal_shift",
    "use_implementation",
]
