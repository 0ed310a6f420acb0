"""Runs a SavedModel in a process that has TensorFlow and does not import gsf_tf.

The program is started by its file name, so that the package around it is not imported:
`python stock_tensorflow_run.py SAVED_MODEL CLIP.npy LOGITS.npz`
"""

import io
import os
import pathlib
import sys

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry


def unknown_ops(saved_model_directory):
    """Returns the sorted names of the ops in the graph that TensorFlow does not register."""
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((pathlib.Path(saved_model_directory) / "saved_model.pb").read_bytes())
    names = set()
    for meta_graph in proto.meta_graphs:
        functions = meta_graph.graph_def.library.function
        names.update(node.op for node in meta_graph.graph_def.node)
        names.update(node.op for function in functions for node in function.node_def)
        names.difference_update(function.signature.name for function in functions)
    return sorted(name for name in names if op_def_registry.get(name) is None)


def main(saved_model_directory, clip_file, logits_file):
    unknown = unknown_ops(saved_model_directory)
    if unknown:
        sys.exit(f"The graph has ops that TensorFlow does not know: {', '.join(unknown)}")
    saved_model = tf.saved_model.load(saved_model_directory)
    outputs = saved_model.signatures["serving_default"](clip=tf.constant(np.load(clip_file)))
    logits = {n: v.numpy() for n, v in outputs.items() if n.endswith("logits")}
    archive = io.BytesIO()
    np.savez(archive, **logits)
    try:
        pathlib.Path(logits_file).write_bytes(archive.getbuffer())
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(os.EX_IOERR)
    if "gsf_tf" in sys.modules:
        sys.exit("gsf_tf was imported, so this run does not show that stock TensorFlow is enough")


if __name__ == "__main__":
    main(*sys.argv[1:])
