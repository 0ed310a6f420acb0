import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.grappler import tf_optimizer

from gsf_tf.export.export_error import ExportError

_MIXED = "auto_mixed_precision_onednn_bfloat16"


def bfloat16_function(
    function: tf.types.experimental.ConcreteFunction,
) -> tf.types.experimental.ConcreteFunction:
    """Returns a function that computes its convolutions and matrix products in bfloat16.

    TensorFlow's optimizer of graphs adds the casts: convolutions and products are in bfloat16, and
    so is what stands between them if it is known to need no more digits. The constant weights
    become bfloat16 too, which halves their size. Inputs and outputs keep their types, and the
    operations are standard ones, so the graph needs no setting where it runs.

    Args:
        function: A function without variables, such as `frozen_function` returns.

    Raises:
        ExportError: If TensorFlow changes nothing: the processor here has no AVX-512, or the
            function has neither a convolution nor a product.
    """
    graph = function.graph.as_graph_def()
    # Twice: what casts make of the weights is constant as well.
    for optimizers in (("function", "constfold", _MIXED), ("constfold",)):
        graph = _optimized(graph, function, optimizers)
    _pack_weights(graph)
    if not any(_is_cast_to_bfloat16(node) or _is_bfloat16_weight(node) for node in graph.node):
        raise ExportError(
            "A graph in bfloat16 must have convolutions or matrix products, which TensorFlow "
            "rewrites on processors with AVX-512 only. Received: a graph in which it changed "
            "nothing. Export in float32, or on another machine."
        )
    (clip,) = function.inputs
    names = [output.name for output in function.outputs]

    def run(value):
        return tf.graph_util.import_graph_def(graph, {clip.name: value}, names, name="")

    spec = tf.TensorSpec(clip.shape, clip.dtype, name=clip.op.name)
    return tf.compat.v1.wrap_function(run, [spec])


def _optimized(graph, function, optimizers):
    meta_graph = tf.compat.v1.train.export_meta_graph(graph_def=graph, graph=function.graph)
    # What the collection names is kept.
    kept = meta_graph_pb2.CollectionDef()
    kept.node_list.value.extend(tensor.name for tensor in (*function.inputs, *function.outputs))
    meta_graph.collection_def["train_op"].CopyFrom(kept)
    config = config_pb2.ConfigProto()
    options = config.graph_options.rewrite_options
    options.min_graph_nodes = -1
    options.meta_optimizer_iterations = 1
    options.optimizers.extend(optimizers)
    return tf_optimizer.OptimizeGraph(config, meta_graph)


def _pack_weights(graph):
    """Writes weights as two bytes each; the optimizer wrote them as integers of two or three."""
    for node in filter(_is_bfloat16_weight, graph.node):
        tensor = node.attr["value"].tensor
        values = tf.make_ndarray(tensor)
        if values.size > 1:
            tensor.ClearField("half_val")
            tensor.tensor_content = values.tobytes()


def _is_cast_to_bfloat16(node):
    return node.op == "Cast" and node.attr["DstT"].type == tf.bfloat16.as_datatype_enum


def _is_bfloat16_weight(node):
    return node.op == "Const" and node.attr["dtype"].type == tf.bfloat16.as_datatype_enum
