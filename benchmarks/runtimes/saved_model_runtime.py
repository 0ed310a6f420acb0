"""TensorFlow, on our exports."""

import numpy as np
import tensorflow as tf

from benchmarks.runtimes.timed_runtime import TimedRuntime
from gsf_tf import ops


class Runtime(TimedRuntime):
    """Forms: `saved_model`, of standard operations; the same in `bfloat16`; and `compiled`, with
    the compiled ops of gsf_tf."""

    def __init__(self, settings):
        super().__init__(settings)
        tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        ops.implementation_of("gate_shift_fuse")  # Loads the compiled ops, which a graph may have.

    def make(self, run):
        loaded = tf.saved_model.load(str(self.settings.export(run.preset, run.form)))
        serve = loaded.signatures["serving_default"]
        clips = tf.constant(np.load(self.settings.clips(run.batch)))
        return lambda: serve(clip=clips)["logits"].numpy()
