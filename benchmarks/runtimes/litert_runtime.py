"""LiteRT, on our exports."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks.runtimes.timed_runtime import TimedRuntime


class Runtime(TimedRuntime):
    """Forms: `float32` and `int8`."""

    def make(self, run):
        path = self.settings.export(run.preset, run.form)
        interpreter = Interpreter(model_path=str(path), num_threads=self.settings.threads)
        serve = interpreter.get_signature_runner("serving_default")
        clips = np.load(self.settings.clips(run.batch))
        return lambda: serve(clip=clips)["logits"]
