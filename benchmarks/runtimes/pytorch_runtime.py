"""The PyTorch twins of the presets, on a CPU."""

import numpy as np
import torch

from benchmarks.runtimes.timed_runtime import TimedRuntime
from tests.torch_twins import make_twin, randomize, save_as_authors


class Runtime(TimedRuntime):
    """Forms: `eager` and `compile` (`torch.compile`, the default mode)."""

    def __init__(self, settings):
        super().__init__(settings)
        torch.set_num_threads(settings.threads)
        self._twins = {}

    def write_checkpoint(self, preset):
        """Draws the twin's weights and writes them for gsf_tf to load."""
        twin = randomize(self._twin(preset), seed=0)
        save_as_authors(twin, self.settings.checkpoint(preset), preset.split("_")[0])

    def write_onnx(self, preset, batch):
        """Exports the twin for a fixed number of clips."""
        # The exporter built on torch.export needs a newer ml_dtypes than TensorFlow 2.17 allows.
        torch.onnx.export(
            self._twin(preset).eval(),
            (self._frames(preset, batch),),
            str(self.settings.onnx(preset, batch)),
            dynamo=False,
            input_names=["frames"],
            output_names=["logits"],
        )

    def make(self, run):
        twin, frames = self._twin(run.preset), self._frames(run.preset, run.batch)
        network = torch.compile(twin) if run.form == "compile" else twin
        if run.mode == "training":
            return self._training(network, frames, run.batch)
        return self._inference(network, frames)

    def _inference(self, network, frames):
        def infer():
            network.eval()
            with torch.inference_mode():
                return network(frames).numpy()

        return infer

    def _training(self, network, frames, batch):
        label = torch.zeros(batch, dtype=torch.long)
        optimizer = torch.optim.SGD(network.parameters(), 1e-6, momentum=0.9)

        def step():
            network.train()
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(frames), label).backward()
            optimizer.step()

        return step

    def _twin(self, preset):
        if preset not in self._twins:
            method, backbone = preset.split("_", 1)
            self._twins[preset] = make_twin(
                method, backbone, self.settings.num_classes, self.settings.num_segments
            )
        return self._twins[preset]

    def _frames(self, preset, batch):
        return torch.from_numpy(np.load(self.settings.frames(preset, batch)))
