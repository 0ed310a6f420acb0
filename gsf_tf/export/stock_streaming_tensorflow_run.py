"""Runs a streaming SavedModel in a process that has TensorFlow and does not import gsf_tf.

The program is started by its file name, so that the package around it is not imported:
`python stock_streaming_tensorflow_run.py SAVED_MODEL FRAMES.npy OUTPUTS.npz`
"""

import json
import pathlib
import sys

import numpy as np
import stock_results
import tensorflow as tf
from stock_tensorflow_run import unknown_ops
from streaming_frames import run_to_the_end


def main(saved_model_directory, frame_file, result_file):
    unknown = unknown_ops(saved_model_directory)
    if unknown:
        sys.exit(f"The graph has ops that TensorFlow does not know: {', '.join(unknown)}")
    folder = pathlib.Path(saved_model_directory)
    look_ahead = json.loads((folder / "assets/streaming.json").read_text())["look_ahead"]
    signatures = tf.saved_model.load(saved_model_directory).signatures
    frames, results = np.load(frame_file), {}
    for size in (1, len(frames)):
        state = signatures["init"](streams=tf.constant(size))

        def step(frame, valid):
            nonlocal state
            outputs = signatures["step"](
                frame=tf.constant(frame), valid=tf.constant(valid), **state
            )
            state = {name: outputs.pop(name) for name in state}
            return {name: value.numpy() for name, value in outputs.items()}

        outputs = run_to_the_end(step, frames[:size], look_ahead)
        results.update({f"{size}/{name}": value for name, value in outputs.items()})
    stock_results.write_results(result_file, results, "gsf_tf")


if __name__ == "__main__":
    main(*sys.argv[1:])
