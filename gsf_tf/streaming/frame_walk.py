"""One frame through a backbone whose temporal layers keep what they need of earlier frames."""

import keras
import tensorflow as tf

from gsf_tf.layers import TemporalLayer
from gsf_tf.streaming.temporal_steps import look_ahead, step


def walk(backbone, frame, memory):
    """Returns the backbone's output for the frame `delay` frames ago, and `delay`.

    Where branches with and without temporal layers meet, the shorter one waits.

    Args:
        backbone: Functional `keras.Model` from frames to features.
        frame: `[N, H, W, 3]`, the newest normalized frame of each stream.
        memory: `Memory`.
    """
    delays = _Delays()
    delays.set(frame, 0)

    def run(operation):
        def call(*args, **kwargs):
            args, kwargs, delay = delays.aligned(operation.name, (args, kwargs), memory)
            if isinstance(operation, TemporalLayer):
                outputs = step(operation, args[0], delay, memory)
                delay += look_ahead(operation)
            elif getattr(operation, "_call_has_training_arg", False):
                outputs = operation(*args, **{**kwargs, "training": False})
            else:
                outputs = operation(*args, **kwargs)
            delays.set(outputs, delay)
            return outputs

        return call

    outputs = backbone._run_through_graph([frame], operation_fn=run)
    return outputs, delays.of(outputs)


class _Delays:
    """How many frames ago the frame came to which a tensor belongs."""

    def __init__(self):
        self._delays, self._tensors = {}, []

    def set(self, outputs, delay):
        for tensor in keras.tree.flatten(outputs):
            self._delays[id(tensor)] = delay
            self._tensors.append(tensor)  # An id belongs to one tensor while the tensor lives.

    def of(self, tensor):
        return self._delays[id(tensor)]

    def aligned(self, name, arguments, memory):
        """Returns the arguments of a call, all of the same frame, and that frame's delay."""
        tensors = [x for x in keras.tree.flatten(arguments) if tf.is_tensor(x)]
        latest = max((self._delays.get(id(x), 0) for x in tensors), default=0)
        waiting = {}
        for position, x in enumerate(tensors):
            wait = latest - self._delays.get(id(x), latest)
            if wait and id(x) not in waiting:
                waiting[id(x)] = memory.delayed(f"{name}/input_{position}", x, wait)
        args, kwargs = keras.tree.map_structure(lambda x: waiting.get(id(x), x), arguments)
        return args, kwargs, latest
