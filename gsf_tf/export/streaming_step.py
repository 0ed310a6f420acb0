"""The step of a streaming model as a function of tensors with names, for all formats."""

import re

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.util import get_grappler_config, run_graph_optimizations
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from gsf_tf import ops
from gsf_tf.errors import UserError
from gsf_tf.export.clip_recipe import describe_crop, frame_steps
from gsf_tf.models.float32_copy import float32_model
from gsf_tf.streaming import StreamingModel
from gsf_tf.tasks import task_logits, task_prefix

FRAME, VALID = "frame", "valid"
_FRAMES = 6  # Of the check, beside those that the model waits for.


class StreamingStep:
    """A step with standard operations only, weights as constants, and names for its tensors.

    Args:
        stream: `StreamingModel`; it is exported in float32.
        batch: Number of streams, None for any number.
        registers_outside: Whether the client moves on what only moves on. Then no output is an
            input, none is another output, and none is read again in the graph.

    Attributes:
        states: Dictionary from the names of the inputs of the state to their `tf.TensorSpec`s.
        next_state: For each of these names, where the state of the next step comes from:
            `("output", name)` or `("input", name)`.
    """

    def __init__(self, stream: StreamingModel, batch: int | None, registers_outside: bool):
        self._stream, self._registers_outside = stream, registers_outside
        specs = stream.state_specs(batch)
        if not specs:
            raise UserError(
                "A streaming export must keep something from frame to frame. Received: a model "
                "without temporal layers and without a consensus. Give it a `consensus`, or export "
                "it as a model of clips."
            )
        self._names = {name: f"state_{re.sub(r'[^A-Za-z0-9]+', '_', name)}" for name in specs}
        if len(set(self._names.values())) < len(specs):
            raise UserError(
                "The layers of a streaming model must have names that differ in letters and digits."
                f" Received: {', '.join(specs)}. Rename one of them."
            )
        self.states = {self._names[name]: spec for name, spec in specs.items()}
        self.next_state = {}
        self._inputs = {
            FRAME: tf.TensorSpec((batch, *stream.frame_shape), tf.uint8),
            VALID: tf.TensorSpec((batch,), tf.float32),
            **self.states,
        }
        traced = tf.function(self._trace, autograph=False).get_concrete_function(
            *[tf.TensorSpec(s.shape, s.dtype, name) for name, s in self._inputs.items()]
        )
        self._frozen = _folded(convert_variables_to_constants_v2(traced))

    def function(self) -> tf.types.experimental.ConcreteFunction:
        """Returns the step from named inputs to a dictionary of outputs."""

        def step(**inputs):
            outputs = self._frozen(*[inputs[name] for name in self._inputs])
            return dict(zip(self._outputs, tf.nest.flatten(outputs), strict=True))

        named = {n: tf.TensorSpec(s.shape, s.dtype, n) for n, s in self._inputs.items()}
        return tf.function(step, autograph=False).get_concrete_function(**named)

    def _trace(self, frame, valid, *states):
        inputs = dict(zip(self.states, states, strict=True))
        state = {name: inputs[ours] for name, ours in self._names.items()}
        with ops.use_implementation("reference"):
            logits, kept = self._stream.one_frame(tf.cast(frame, tf.float32), state, valid)
        outputs = {f"{task_prefix(t)}logits": x for t, x in task_logits(logits).items()}
        known = {id(x): ("input", name) for name, x in {VALID: valid, **inputs}.items()}
        for name, ours in self._names.items():
            x = kept[name]
            if self._registers_outside and id(x) in known:
                self.next_state[ours] = known[id(x)]
                continue
            known[id(x)] = self.next_state[ours] = ("output", ours)
            outputs[ours] = _copy(x, valid) if self._registers_outside else x
        self._outputs = list(outputs)
        return list(outputs.values())


def _folded(function):
    """Returns a function whose kernels are constants, where they were computed from constants.

    The kernels of RubiksNet's shifts are computed from its variables. LiteRT takes constants only.
    """
    inputs, outputs = function.inputs, function.outputs
    graph = run_graph_optimizations(
        function.graph.as_graph_def(),
        inputs,
        outputs,
        config=get_grappler_config(["constfold"]),
        graph=function.graph,
    )
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    return wrapped.prune(
        [wrapped.graph.get_tensor_by_name(x.name) for x in inputs],
        [wrapped.graph.get_tensor_by_name(x.name) for x in outputs],
    )


def _copy(x, valid):
    """Returns x as a tensor of its own, which no converter takes for x: times one."""
    one = tf.cast(tf.maximum(valid, 1.0), x.dtype)
    return x * tf.reshape(one, [-1] + [1] * (len(x.shape) - 1))


def in_float32(stream: StreamingModel) -> StreamingModel:
    """Returns a streaming model that computes in float32 with the present weights, or itself."""
    model = float32_model(stream.model)
    if model is stream.model and not stream.frozen:
        return stream
    return StreamingModel(model, stream.mode, stream.consensus, stream.consensus_frames)


def describe_stream(stream: StreamingModel, step: StreamingStep, short_side: int) -> dict:
    """Returns the content of `streaming.json`, which says all that a client needs."""
    height, width, _ = stream.frame_shape
    return {
        "look_ahead": stream.look_ahead,
        "consensus": stream.consensus,
        "consensus_frames": stream.consensus_frames,
        "short_side": short_side,
        **describe_crop(height, width),
        "steps": [
            "Decode the frames in the order in which they are shown, and take as many per second "
            "as the clips of the training have: their frames divided by their seconds.",
            *frame_steps(short_side, height, width),
            f"The frame is uint8 [1, {height}, {width}, 3]: RGB, 0 to 255. Do not normalize the "
            "pixels; the model does.",
        ],
        "state": {
            name: {
                "shape": list(spec.shape),
                "dtype": spec.dtype.name,
                "next": dict([step.next_state[name]]),
            }
            for name, spec in step.states.items()
        },
    }


def answers(stream: StreamingModel) -> str:
    """Returns a sentence on when a stream answers, and for which frames, for the model card."""
    over = "one frame"
    if stream.consensus is not None:
        number = (
            "" if stream.consensus_frames is None else f" over {stream.consensus_frames} frames"
        )
        over = f"the mean `{stream.consensus}`{number}"
    return f"The answer comes {stream.look_ahead} frames late and is that of {over}."


def check_frames(stream: StreamingModel, streams: int) -> np.ndarray:
    """Returns random frames `[streams, frames, H, W, 3]`, uint8, the same in every call."""
    shape = (streams, _FRAMES, *stream.frame_shape)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def stream_logits(stream: StreamingModel, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Returns what the Python form says about all frames of streams, up to their flush.

    Args:
        stream: The streaming model.
        frames: uint8 `[N, F, H, W, 3]`.

    Returns:
        Logits `[N, F, K]` by the names of the export's outputs, computed on the CPU.
    """
    with tf.device("CPU:0"):
        logits, state = stream.step(frames, stream.initial_state(len(frames)))
        late, _ = stream.flush(state)
    late = {} if late is None else task_logits(late)
    return {
        f"{task_prefix(task)}logits": np.concatenate(
            [np.asarray(x) for x in (logits, late.get(task)) if x is not None], axis=1
        )[:, stream.look_ahead :]
        for task, logits in task_logits(logits).items()
    }
