"""gsf_tf itself."""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from benchmarks.runtimes.tensorflow_models import TensorFlowModels
from gsf_tf import ops
from gsf_tf.training import CoupledSGD
from gsf_tf.training.steps import train_step


class Runtime(TensorFlowModels):
    """Forms: `function` (a `tf.function` of the model), `frozen` (its variables as constants) and,
    `frozen reference`, the same on the reference path of `gsf_tf.ops`."""

    def __init__(self, settings):
        super().__init__(settings)
        tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def make(self, run):
        clips = tf.constant(np.load(self.settings.clips(run.batch)))
        if run.mode == "training":
            return self._training(run, clips)
        return self._inference(run, clips)

    def _inference(self, run, clips):
        model = self.model(run.preset)
        graph = tf.function(lambda clip: model(clip, training=False), autograph=False)
        implementation = "reference" if run.form.endswith("reference") else "auto"
        with ops.use_implementation(implementation):
            concrete = graph.get_concrete_function(tf.TensorSpec(clips.shape, clips.dtype))
        if run.form == "function":
            return lambda: concrete(clips).numpy()
        frozen = convert_variables_to_constants_v2(concrete)
        return lambda: frozen(clips)[0].numpy()

    def _training(self, run, clips):
        model = self.model(run.preset)
        label = tf.zeros([run.batch], tf.int32)
        optimizer = CoupledSGD(1e-6, momentum=0.9)
        optimizer.build(model.trainable_variables)

        @tf.function(autograph=False)
        def step():
            sums = train_step(
                model, optimizer, clips, label, global_batch_size=run.batch, label_smoothing=0.0
            )
            return sums["loss"]

        return lambda: step().numpy()
