"""Runs an ONNX model in a process that imports neither TensorFlow nor gsf_tf.

The program is started by its file name, so that the package around it is not imported:
`python stock_onnx_run.py MODEL.onnx CLIPS.npy OUTPUTS.npz`
"""

import sys

import numpy as np
import onnxruntime
from stock_results import write_results


def main(model_file, clip_file, result_file):
    session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    clips, results = np.load(clip_file), {}
    fixed = session.get_inputs()[0].shape[0]
    for size in (1, len(clips)):
        step = fixed if isinstance(fixed, int) else size
        rows = [
            session.run(None, {"clip": _filled(clips[start : min(start + step, size)], step)})
            for start in range(0, size, step)
        ]
        for index, name in enumerate(names):
            results[f"{size}/{name}"] = np.concatenate([row[index] for row in rows])[:size]
    write_results(result_file, results, "gsf_tf", "tensorflow")


def _filled(clips, size):
    """Repeats the last clip until a batch of a fixed size is full."""
    return np.concatenate([clips, np.repeat(clips[-1:], size - len(clips), axis=0)])


if __name__ == "__main__":
    main(*sys.argv[1:])
