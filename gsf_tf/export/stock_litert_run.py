"""Runs a LiteRT model in a process that imports neither TensorFlow nor gsf_tf.

The program is started by its file name, so that the package around it is not imported:
`python stock_litert_run.py MODEL.tflite CLIPS.npy OUTPUTS.npz`
"""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from stock_results import write_results


def main(model_file, clip_file, result_file):
    interpreter = Interpreter(model_path=model_file)
    serve = interpreter.get_signature_runner("serving_default")
    rows = [serve(clip=clip[None]) for clip in np.load(clip_file)]
    results = {}
    for size in (1, len(rows)):
        for name in rows[0]:
            results[f"{size}/{name}"] = np.concatenate([row[name] for row in rows[:size]])
    write_results(result_file, results, "gsf_tf", "tensorflow")


if __name__ == "__main__":
    main(*sys.argv[1:])
