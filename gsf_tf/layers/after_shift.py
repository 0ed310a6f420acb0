"""Finds the RubiksShift whose result a layer reads, so that both can run as one op.

A graph of TensorFlow keeps the op that each tensor comes from; an eager tensor does not, so layers
run one by one there. What the ops of a graph leave unread, TensorFlow removes.
"""

import tensorflow as tf

from gsf_tf import ops
from gsf_tf.ops.library import OPS


def convolved_after_shift(inputs, kernel):
    """Returns a 1x1 convolution as one op with the shift before it, or None.

    None means: `inputs` is no result of a compiled RubiksShift in a graph, or the two ops run. They
    do for any dtype but float32, where they are faster, and on a machine with a GPU, where the one
    op was not measured (docs/performance.md, "Shift and convolution as one op").

    Args:
        inputs: `[N, H, W, C]`.
        kernel: `[1, 1, C, F]`.
    """
    shift = _source(inputs, "rubiks_shift")
    if shift is None or inputs.dtype != tf.float32 or tf.config.list_physical_devices("GPU"):
        return None
    if ops.implementation_of("rubiks_shift_pointwise") != "compiled":
        return None
    return _pointwise(shift, *shift.inputs, tf.reshape(kernel, kernel.shape[2:]))


def added_to_convolution(inputs):
    """Returns the sum of two maps as one op with the `convolved_after_shift` that one is, or None.

    Args:
        inputs: List of tensors.
    """
    if len(inputs) != 2:
        return None
    for map_, other in (inputs[::-1], inputs):
        product = _source(map_, "rubiks_shift_pointwise")
        if product is not None and product.get_attr("addends") == 0:
            if map_.dtype == other.dtype and map_.shape.rank == other.shape.rank == 4:
                if map_.shape[1:] == other.shape[1:] and None not in map_.shape[1:]:
                    return _pointwise(product, *product.inputs, other)
    return None


def _source(tensor, name):
    """Returns the op of this name that a tensor of a graph comes from, or None."""
    if not tf.is_tensor(tensor) or not tf.is_symbolic_tensor(tensor):
        return None
    return tensor.op if tensor.op.type == OPS[name] else None


def _pointwise(op, x, shift, kernel, addend=None):
    """Calls the op with the attributes of another op of the shift."""
    return ops.rubiks_shift_pointwise(
        x,
        shift,
        kernel,
        op.get_attr("num_segments"),
        tuple(op.get_attr("strides")),
        "quantized" if op.get_attr("quantized") else "interpolated",
        addend,
    )
