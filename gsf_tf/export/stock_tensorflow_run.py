"""Runs a SavedModel in a process that has TensorFlow and does not import gsf_tf.

The program is started by its file name, so that the package around it is not imported:
`python stock_tensorflow_run.py SAVED_MODEL CLIPS.npy OUTPUTS.npz`
"""

import pathlib
import sys

import numpy as np
import stock_results
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

BATCH = 3  # Clips at once; there may be a hundred.


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


def replay_warmup(saved_model_directory, signatures):
    """Runs the warm-up requests of TensorFlow Serving, as it does before it serves."""
    file = pathlib.Path(saved_model_directory) / "assets.extra/tf_serving_warmup_requests"
    if not file.exists():
        return
    from tensorflow_serving.apis import prediction_log_pb2

    for record in tf.data.TFRecordDataset(str(file)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {n: tf.constant(tf.make_ndarray(value)) for n, value in request.inputs.items()}
        signatures[request.model_spec.signature_name](**inputs)


def main(saved_model_directory, clip_file, result_file):
    unknown = unknown_ops(saved_model_directory)
    if unknown:
        sys.exit(f"The graph has ops that TensorFlow does not know: {', '.join(unknown)}")
    saved_model = tf.saved_model.load(saved_model_directory)
    serve, clips, results = saved_model.signatures["serving_default"], np.load(clip_file), {}
    for size in (1, len(clips)):
        parts = [clips[start : min(start + BATCH, size)] for start in range(0, size, BATCH)]
        rows = [serve(clip=tf.constant(part)) for part in parts]
        for name in rows[0]:
            results[f"{size}/{name}"] = np.concatenate([row[name] for row in rows])
    replay_warmup(saved_model_directory, saved_model.signatures)
    stock_results.write_results(result_file, results, "gsf_tf")


if __name__ == "__main__":
    main(*sys.argv[1:])
