"""Runs a LiteRT model in a process that imports neither TensorFlow nor gsf_tf.

The program is started by its file name, so that the package around it is not imported:
`python stock_litert_run.py MODEL.tflite CLIPS.npy OUTPUTS.npz`
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from stock_results import batches_of, write_results


def main(model_file, clip_file, result_file):
    interpreter = Interpreter(model_path=model_file)
    serve = interpreter.get_signature_runner("serving_default")
    rows = [serve(clip=clip[None]) for clip in np.load(clip_file)]
    write_results(result_file, batches_of(rows), "gsf_tf", "tensorflow")


if __name__ == "__main__":
    main(*sys.argv[1:])
