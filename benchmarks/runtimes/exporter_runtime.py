"""Writes the exports that the other runtimes run, and what the models themselves compute."""

import os
import shutil

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from benchmarks.annealed import anneal
from benchmarks.runtimes.model_run import HARDENED
from benchmarks.runtimes.tensorflow_models import TensorFlowModels
from gsf_tf.data import LabelMap
from gsf_tf.export.graph.frozen_function import named_function
from gsf_tf.export.litert import convert
from gsf_tf.export.onnx_model import write_onnx
from gsf_tf.export.serving_signatures import serving_signatures
from gsf_tf.models import harden
from tests.models.randomize import randomize

# An eighth of the channels moves, the budget of docs/rubiksnet.md.
MOVED_SHARE = 1 / 8
CALIBRATION_CLIPS = 4


class Runtime(TensorFlowModels):
    """A preset `rubiksnet_*_hardened` is `rubiksnet_*_aq` with integer shifts."""

    def write(self, preset, kind):
        """Writes an export of one clip; what is there already stays.

        Args:
            preset: The model.
            kind: `"saved_model"`, `"bfloat16"` or `"compiled"`, SavedModels; `"float32"` or
                `"int8"`, LiteRT models; `"onnx"`; `"logits"`, of the model itself.
        """
        path = self.settings.export(preset, kind)
        if kind == "logits":
            path = self.settings.logits(preset)
        if path.exists():
            return
        part = path.with_name(f"part_{path.name}")
        if part.is_dir():
            shutil.rmtree(part)
        getattr(self, f"_write_{kind}")(self.model(preset), part)
        os.replace(part, path)

    def model(self, preset):
        if preset in self._models:
            return self._models[preset]
        if preset.endswith(HARDENED):
            self._models[preset] = harden(self.model(f"{preset.removesuffix(HARDENED)}_aq")).model
            return self._models[preset]
        model = super().model(preset)
        if not self.settings.checkpoint(preset).exists():
            randomize(model, np.load(self.settings.clips(1)))
        if preset.endswith("_aq"):
            anneal(model, MOVED_SHARE)
        return model

    def _write_logits(self, model, path):
        logits = np.asarray(model(np.load(self.settings.clips(1)), training=False))
        with open(path, "wb") as file:  # `np.save` would change the name.
            np.save(file, logits)

    def _write_saved_model(self, model, path, precision="float32"):
        labels = LabelMap([f"class {number}" for number in range(self.settings.num_classes)])
        signatures = serving_signatures(model, labels, precision)
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), str(path), signatures=signatures, options=options)

    def _write_bfloat16(self, model, path):
        self._write_saved_model(model, path, "bfloat16")

    def _write_compiled(self, model, path):
        spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="clip")
        graph = tf.function(lambda clip: model(clip, training=False), autograph=False)
        frozen = convert_variables_to_constants_v2(graph.get_concrete_function(spec))

        def serve(clip):
            return {"logits": frozen(clip)[0]}

        signature = tf.function(serve, input_signature=[spec], autograph=False)
        options = tf.saved_model.SaveOptions(
            experimental_custom_gradients=False, namespace_whitelist=["GsfTf"]
        )
        tf.saved_model.save(
            tf.Module(), str(path), signatures={"serving_default": signature}, options=options
        )

    def _write_float32(self, model, path):
        self._write_litert(model, path, "float32")

    def _write_int8(self, model, path):
        self._write_litert(model, path, "int8")

    def _write_litert(self, model, path, kind):
        module = tf.Module()
        module.serve = named_function(model, batch_size=1)
        shape = (CALIBRATION_CLIPS, *model.input_shape[1:])
        clips = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
        path.write_bytes(convert(module.serve.get_concrete_function(), module, kind, clips))

    def _write_onnx(self, model, path):
        write_onnx(model, 1, path)
