"""gsf_tf itself."""

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from benchmarks.runtimes.timed_runtime import TimedRuntime
from gsf_tf import ops
from gsf_tf.models import from_preset
from gsf_tf.training import CoupledSGD
from gsf_tf.training.steps import train_step
from gsf_tf.weights import load_torch_checkpoint


class Runtime(TimedRuntime):
    """Forms: `function` (a `tf.function` of the model), `frozen` (its variables as constants) and,
    `frozen reference`, the same on the reference path of `gsf_tf.ops`."""

    def __init__(self, settings):
        super().__init__(settings)
        tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._models = {}

    def write_inputs(self, presets, batch):
        """Writes random clips, and what the normalization of each preset makes of them."""
        size = self.settings.image_size
        shape = (batch, self.settings.num_segments, size, size, 3)
        clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        np.save(self.settings.clips(batch), clips)
        for preset in presets:
            model = self._model(preset)
            frames = model.get_layer("normalization")(model.get_layer("fold_segments")(clips))
            channels_first = np.ascontiguousarray(np.transpose(frames, (0, 3, 1, 2)))
            np.save(self.settings.frames(preset, batch), channels_first)

    def make(self, run):
        clips = tf.constant(np.load(self.settings.clips(run.batch)))
        if run.mode == "training":
            return self._training(run, clips)
        return self._inference(run, clips)

    def _model(self, preset):
        if preset not in self._models:
            size = self.settings.image_size
            keras.utils.set_random_seed(0)
            model = from_preset(
                preset,
                self.settings.num_classes,
                num_segments=self.settings.num_segments,
                input_shape=(size, size, 3),
            )
            if self.settings.checkpoint(preset).exists():
                load_torch_checkpoint(model, self.settings.checkpoint(preset))
            self._models[preset] = model
        return self._models[preset]

    def _inference(self, run, clips):
        model = self._model(run.preset)
        graph = tf.function(lambda clip: model(clip, training=False), autograph=False)
        implementation = "reference" if run.form.endswith("reference") else "auto"
        with ops.use_implementation(implementation):
            concrete = graph.get_concrete_function(tf.TensorSpec(clips.shape, clips.dtype))
        if run.form == "function":
            return lambda: concrete(clips).numpy()
        frozen = convert_variables_to_constants_v2(concrete)
        return lambda: frozen(clips)[0].numpy()

    def _training(self, run, clips):
        model = self._model(run.preset)
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
