"""OpenVINO, on the ONNX file that PyTorch exports of a twin."""

import numpy as np
import openvino

from benchmarks.runtimes.timed_runtime import TimedRuntime


class Runtime(TimedRuntime):
    """Form: `onnx`."""

    def make(self, run):
        compiled = openvino.Core().compile_model(
            self.settings.onnx(run.preset, run.batch),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": self.settings.threads,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32",
            },
        )
        frames = np.load(self.settings.frames(run.preset, run.batch))
        return lambda: compiled(frames)[0]
