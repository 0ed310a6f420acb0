"""ONNX Runtime."""

import numpy as np
import onnxruntime

from benchmarks.runtimes.timed_runtime import TimedRuntime


class Runtime(TimedRuntime):
    """Forms: `onnx`, the file that PyTorch exports of a twin, and `export`, our export."""

    def make(self, run):
        if run.form == "export":
            clips = np.load(self.settings.clips(run.batch))
            session = self._session(self.settings.export(run.preset, "onnx"))
            return lambda: session.run(["logits"], {"clip": clips})[0]
        frames = np.load(self.settings.frames(run.preset, run.batch))
        session = self._session(self.settings.onnx(run.preset, run.batch))
        return lambda: session.run(None, {"frames": frames})[0]

    def _session(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.settings.threads
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
