"""OpenVINO."""

import numpy as np
import openvino

from benchmarks.runtimes.timed_runtime import TimedRuntime


class Runtime(TimedRuntime):
    """Forms: `onnx`, the file that PyTorch exports of a twin, and in float32 or in bfloat16 our
    SavedModel, `f32` and `bf16`."""

    def make(self, run):
        if run.form == "onnx":
            compiled = self._compiled(self.settings.onnx(run.preset, run.batch), "f32")
            frames = np.load(self.settings.frames(run.preset, run.batch))
            return lambda: compiled(frames)[0]
        clips = np.load(self.settings.clips(run.batch))
        compiled = self._compiled(
            self.settings.export(run.preset, "saved_model"), run.form, clips.shape
        )
        return lambda: compiled({"clip": clips})["logits"]

    def _compiled(self, path, precision, shape=None):
        core = openvino.Core()
        model = core.read_model(path)
        if shape is not None:
            model.reshape(list(shape))
        return core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": self.settings.threads,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": precision,
            },
        )
