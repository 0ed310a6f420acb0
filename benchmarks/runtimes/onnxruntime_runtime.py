"""ONNX Runtime, on the ONNX file that PyTorch exports of a twin."""

import numpy as np
import onnxruntime

from benchmarks.runtimes.timed_runtime import TimedRuntime


class Runtime(TimedRuntime):
    """Form: `onnx`."""

    def make(self, run):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.settings.threads
        session = onnxruntime.InferenceSession(
            str(self.settings.onnx(run.preset, run.batch)),
            options,
            providers=["CPUExecutionProvider"],
        )
        frames = np.load(self.settings.frames(run.preset, run.batch))
        return lambda: session.run(None, {"frames": frames})[0]
