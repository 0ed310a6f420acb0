"""Runs a streaming LiteRT model in a process that imports neither TensorFlow nor gsf_tf.

The program is started by its file name, so that the package around it is not imported:
`python stock_streaming_litert_run.py MODEL.tflite FRAMES.npy OUTPUTS.npz`
"""

import json
import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from stock_results import batches_of, write_results
from streaming_frames import run_to_the_end


def main(model_file, frame_file, result_file):
    path = pathlib.Path(model_file).with_name("streaming.json")
    recipe = json.loads(path.read_text())
    runner = Interpreter(model_path=model_file).get_signature_runner("serving_default")
    rows = []
    for frames in np.load(frame_file):
        state = {
            name: np.zeros(tensor["shape"], tensor["dtype"])
            for name, tensor in recipe["state"].items()
        }

        def step(frame, valid):
            nonlocal state
            inputs = {"frame": frame, "valid": valid, **state}
            outputs = runner(**inputs)
            sources = {"input": inputs, "output": outputs}
            state = {
                name: sources[kind][source].copy()
                for name, tensor in recipe["state"].items()
                for kind, source in tensor["next"].items()
            }
            return {name: x.copy() for name, x in outputs.items() if name not in state}

        rows.append(run_to_the_end(step, frames[None], recipe["look_ahead"]))
    write_results(result_file, batches_of(rows), "gsf_tf", "tensorflow")


if __name__ == "__main__":
    main(*sys.argv[1:])
