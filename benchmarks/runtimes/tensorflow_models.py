import keras
import numpy as np

from benchmarks.runtimes.timed_runtime import TimedRuntime
from gsf_tf.models import from_preset
from gsf_tf.weights import load_torch_checkpoint


class TensorFlowModels(TimedRuntime):
    """The presets as models of gsf_tf, and the clips that all runtimes get.

    Args:
        settings: `RunSettings`.
    """

    def __init__(self, settings):
        super().__init__(settings)
        self._models = {}

    def write_inputs(self, presets, batch):
        """Writes random clips, and what the normalization of each preset makes of them."""
        size = self.settings.image_size
        shape = (batch, self.settings.num_segments, size, size, 3)
        clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        np.save(self.settings.clips(batch), clips)
        for preset in presets:
            model = self.model(preset)
            frames = model.get_layer("normalization")(model.get_layer("fold_segments")(clips))
            channels_first = np.ascontiguousarray(np.transpose(frames, (0, 3, 1, 2)))
            np.save(self.settings.frames(preset, batch), channels_first)

    def model(self, preset):
        """Returns the model of a preset, with the weights of its twin where there is one."""
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
