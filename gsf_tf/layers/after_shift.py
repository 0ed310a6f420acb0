"""Finds the RubiksShift whose result a layer reads, so that both can run as one op.

A tensor of a graph knows the op that it comes from; an eager tensor does not, so layers run one by
one there. TensorFlow removes an op of a graph whose result nobody reads.

A gradient tape records the two ops for which the one stands. So it has gradients with respect to
the shifted map and to the convolution's result too, and they are whole if other layers read these.
`tf.gradients` has none with respect to the shifted map.
"""

import tensorflow as tf
from tensorflow.python.eager import record

from gsf_tf import ops
from gsf_tf.ops.library import OPS
from gsf_tf.ops.rubiks_shift_pointwise import pointwise_gradients


def convolved_after_shift(inputs, kernel):
    """Returns a 1x1 convolution as one op with the shift before it, or None.

    None means that the two ops run: because `inputs` is not the result of a compiled RubiksShift in
    a graph; because it is not float32 (in bfloat16 the two ops are faster, in float16 on large
    maps, and float64 was not measured); or because the machine has a GPU, where the one op was not
    measured either (docs/performance.md, "Shift and convolution as one op").

    Args:
        inputs: `[N, H, W, C]`.
        kernel: `[1, 1, C, F]`.
    """
    shift = _source(inputs, "rubiks_shift")
    if shift is None or inputs.dtype != tf.float32 or tf.config.list_physical_devices("GPU"):
        return None
    if ops.implementation_of("rubiks_shift_pointwise") != "compiled":
        return None
    kernel = tf.reshape(kernel, kernel.shape[2:])
    with record.stop_recording():
        outputs = _pointwise(shift, *shift.inputs, kernel)

    def gradients(of_outputs):
        return pointwise_gradients(outputs.op, of_outputs)

    record.record_operation("Conv2D", [outputs], [inputs, kernel], gradients)
    return outputs


def added_to_convolution(inputs):
    """Returns the sum of two maps by the op that convolves one of them after a shift, or None.

    None means that neither of the two is the result of `convolved_after_shift`, or that their
    shapes differ.

    Args:
        inputs: List of tensors.
    """
    if len(inputs) != 2:
        return None
    for map_, other in (inputs[::-1], inputs):
        product = _source(map_, "rubiks_shift_pointwise")
        if product is not None and product.get_attr("addends") == 0:
            if map_.dtype == other.dtype and _have_one_shape(map_, other):
                return _sum(product, map_, other)
    return None


def _have_one_shape(map_, other):
    """Whether the static shapes are equal; of the batch alone the size may be unknown."""
    shape = map_.shape
    return shape.rank == 4 and None not in shape[1:] and shape.as_list() == other.shape.as_list()


def _sum(product, map_, other):
    with record.stop_recording():
        total = _pointwise(product, *product.inputs, other)
    record.record_operation("AddV2", [total], [map_, other], lambda of_total: [of_total] * 2)
    return total


def _source(tensor, name):
    """Returns the op of this name that a tensor of the current graph comes from, or None.

    The branches of a condition and the body of a loop are graphs of their own. From the tensors of
    the graph around them they get gradients only if they read these themselves.
    """
    if not tf.is_tensor(tensor) or not tf.is_symbolic_tensor(tensor):
        return None
    if tensor.graph is not tf.compat.v1.get_default_graph():
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
