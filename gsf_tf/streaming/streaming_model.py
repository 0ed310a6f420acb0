from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from gsf_tf.layers import TemporalLayer
from gsf_tf.models import SegmentModel
from gsf_tf.streaming.consensus import add_consensus, check_consensus
from gsf_tf.streaming.frame_walk import walk
from gsf_tf.streaming.frozen_step import frozen_step
from gsf_tf.streaming.memory import Memory
from gsf_tf.streaming.stream_checks import check_batch, check_frames, checked_streams
from gsf_tf.streaming.temporal_steps import look_ahead

MODES = ("causal", "delayed")


class StreamingModel:
    """A segment model for video without an end: one frame in, the logits of one frame out.

    What the temporal layers need of earlier frames is the state, a dictionary of tensors that the
    caller holds. Several streams can share a batch; each is one row of every tensor.

    The logits of a frame are those that the model computes for it in a clip of all the stream's
    frames, before the mean over frames; with a `consensus`, the mean over the last frames. A frame
    outside of the stream, before its start or after its end, counts as zeros inside the temporal
    layers, as beyond the ends of a clip.

    - A causal model (`from_preset(..., causal=True)`) reads no later frame: the logits belong to
      the frame that came in.
    - Of another model, the logits belong to the frame `look_ahead` frames before: it must wait for
      the later frames that its temporal layers read. Each layer adds to the wait: TSM 1 frame, GSM
      2, GSF 3, RubiksNet its largest shift, rounded up.

    Args:
        model: `SegmentModel`. Its weights are used as they are at each step, unless `frozen`. The
            sizes of the shifts of a RubiksNet are read once: build the `StreamingModel` after
            training.
        mode: `"causal"` to refuse a model that waits, `"delayed"` to accept it.
        consensus: None for the logits of the single frames; `"mean"` for the mean over all frames
            of the stream up to this one; `"window"` for that of the last `consensus_frames`;
            `"exponential"` for a mean in which a frame weighs `(f - 1) / (f + 1)` times as much as
            the next one, where f is `consensus_frames`. At the start of a stream, the mean is that
            of the frames that are there.
        consensus_frames: Integer in 1..2**20 for `"window"` and `"exponential"`, None for others.
        frozen: Whether the weights become constants of the step. It is faster then, and does not
            see later changes of the weights. An export has the weights that the model has then.

    Attributes:
        model: The `SegmentModel`.
        mode: As given.
        consensus: As given.
        consensus_frames: As given.
        frozen: As given.
        look_ahead: How many frames the logits come late.
        frame_shape: `(height, width, 3)` of a frame in pixels.

    Raises:
        ValueError: If the model is no `SegmentModel`, has a temporal layer without a streaming form
            (GST), or waits in the mode `"causal"`; if the consensus is none of these.

    Example:

    ```python
    model = gsf_tf.models.from_preset("tsm_mobilenetv2", 12, input_shape=(64, 64, 3), causal=True)
    stream = gsf_tf.streaming.StreamingModel(model, mode="causal")
    state = stream.initial_state(batch=1)
    for frame in np.zeros((5, 1, 64, 64, 3), "uint8"):
        logits, state = stream.step(frame, state)
    ```
    """

    def __init__(
        self,
        model: SegmentModel,
        mode: str = "delayed",
        consensus: str | None = None,
        consensus_frames: int | None = None,
        frozen: bool = False,
    ):
        if not isinstance(model, SegmentModel):
            raise ValueError(
                "`model` must be a `gsf_tf.models.SegmentModel`. "
                f"Received: model of type {type(model).__name__}"
            )
        if mode not in MODES:
            raise ValueError(f"`mode` must be one of {', '.join(MODES)}. Received: mode={mode!r}")
        check_consensus(consensus, consensus_frames)
        waits = {
            layer.name: look_ahead(layer)
            for layer in model.backbone.layers
            if isinstance(layer, TemporalLayer)
        }
        if mode == "causal" and any(waits.values()):
            raise ValueError(
                "`model` must be causal in the mode 'causal'. Received: a model whose layer "
                f"{next(name for name, wait in waits.items() if wait)!r} reads later frames. Train "
                "it with `from_preset(..., causal=True)`, or use mode='delayed'."
            )
        self.model, self.mode = model, mode
        self.consensus, self.consensus_frames = consensus, consensus_frames
        self.frozen = bool(frozen)
        self.frame_shape = tuple(model.backbone.input_shape[1:])
        self._tasks = list(model.num_classes) if isinstance(model.num_classes, Mapping) else None
        self._waits = any(waits.values())
        self.look_ahead, kept = self._look_ahead_and_state()
        self._specs = {name: (tuple(x.shape[1:]), x.dtype) for name, x in kept.items()}
        # One trace for all batches: what a later one found in the weights could be another state.
        signature = [self._frame_spec(), self.state_specs(), tf.TensorSpec((None,), "float32")]
        step = tf.function(self.one_frame, input_signature=signature, autograph=False)
        self._step = step.get_concrete_function()
        if self.frozen:
            self._step = frozen_step(self._step, signature)

    def _frame_spec(self):
        return tf.TensorSpec((None, *self.frame_shape), "float32")

    def _look_ahead_and_state(self):
        """Returns how many frames the model waits, and the state; tracing computes nothing."""
        delays = []

        def trace(frame):
            *_, kept, delay = self._one_frame(frame, None, tf.ones_like(frame[:, 0, 0, 0]))
            delays.append(delay)
            return kept

        traced = tf.function(trace, input_signature=[self._frame_spec()], autograph=False)
        kept = traced.get_concrete_function().structured_outputs
        return delays[-1], kept

    def _one_frame(self, frame, state, valid):
        """Returns the logits, what the frame leaves in the state, and the look-ahead."""
        model = self.model
        memory = Memory(state, valid, self._waits)
        normalized = model.get_layer("normalization")(frame)
        features, delay = walk(model.backbone, normalized, memory)
        if len(features.shape) == 4:
            features = model.get_layer("avgpool")(features)
        inside = memory.valid(delay, "float32")[:, 0, 0, 0] > 0

        def logits_of(classifier):
            logits = tf.cast(model.get_layer(classifier)(features), "float32")
            if self.consensus is not None:
                name, frames = f"consensus/{classifier}", self.consensus_frames
                return add_consensus(logits, inside, name, self.consensus, frames, memory)
            return tf.where(inside[:, None], logits, np.float32("nan"))

        if self._tasks is None:
            logits = logits_of("classifier")
        else:
            logits = {task: logits_of(f"classifier_{task}") for task in self._tasks}
        return logits, memory.kept, delay

    def state_specs(self, batch: int | None = None) -> dict[str, tf.TensorSpec]:
        """Returns the shapes and types of the state.

        Args:
            batch: Number of streams, None for any number.

        Returns:
            Dictionary of `tf.TensorSpec`s, `[batch, ...]` of rank 4 at most.
        """
        return {
            name: tf.TensorSpec((batch, *shape), dtype)
            for name, (shape, dtype) in self._specs.items()
        }

    def one_frame(
        self, frame: tf.Tensor, state: Mapping[str, tf.Tensor], valid: tf.Tensor
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Computes a step; for graphs of one's own, such as an export. `step` checks more.

        Args:
            frame: float32 `[N, H, W, 3]` in 0..255, RGB.
            state: As in `step`.
            valid: float32 `[N]`, 1 where the frame is one of the stream, 0 after its end.

        Returns:
            `(logits, state)` as in `step`. What only moves on in the state are the tensors of
            `state` and `valid` themselves.
        """
        return self._one_frame(frame, dict(state), valid)[:2]

    def initial_state(self, batch: int = 1) -> dict[str, tf.Tensor]:
        """Returns the state before the first frame of `batch` streams.

        Args:
            batch: Integer >= 1. Number of streams.

        Returns:
            Dictionary of tensors `[batch, ...]` of rank 4 at most, all zeros.

        Raises:
            ValueError: If `batch` is no integer >= 1.
        """
        check_batch(batch)
        return {
            name: tf.zeros((int(batch), *shape), dtype)
            for name, (shape, dtype) in self._specs.items()
        }

    def step(
        self, frames: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Takes the next frame of each stream, or the next K of them.

        Args:
            frames: `[N, H, W, 3]`, or `[N, K, H, W, 3]` with K known; uint8 or float in 0..255,
                RGB.
            state: What the step before returned, or `initial_state`.

        Returns:
            `(logits, state)`: logits `[N, classes]`, or `[N, K, classes]`, float32, a dictionary of
            them for several tasks. They belong to the frame `look_ahead` frames before, with a
            consensus to the frames up to it; they are NaN where a stream has no such frame yet.

        Raises:
            ValueError: If the frames have another shape, or the state is that of another model or
                of another number of streams.
        """
        frames = tf.convert_to_tensor(frames)
        self._check(frames, state)
        if frames.shape.rank == 4:
            return self._run(frames, state, 1.0)
        logits = []
        for frame in tf.unstack(frames, axis=1):
            frame_logits, state = self._run(frame, state, 1.0)
            logits.append(frame_logits)
        return _stacked(logits), state

    def flush(
        self, state: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor | None, dict[str, tf.Tensor]]:
        """Ends all streams: returns the logits of their last `look_ahead` frames.

        Args:
            state: What the last step returned.

        Returns:
            `(logits, state)`: logits `[N, look_ahead, classes]`, or None where `look_ahead` is 0;
            and the state before the first frame of new streams.

        Raises:
            ValueError: If the state is that of another model.
        """
        batch = self._check_state(state)
        if self.look_ahead == 0:
            return None, {name: tf.zeros_like(x) for name, x in state.items()}
        frame = tf.zeros((batch, *self.frame_shape))
        logits = []
        for _ in range(self.look_ahead):
            frame_logits, state = self._run(frame, state, 0.0)
            logits.append(frame_logits)
        return _stacked(logits), self.initial_state(batch)

    def reset(self, state: Mapping[str, tf.Tensor], streams: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the state in which some streams begin anew, and the others go on.

        Reset a stream where the next frame does not follow the one before: at a cut, after a gap,
        for another camera.

        Args:
            state: What a step returned.
            streams: `[N]`, true for each stream that begins anew.

        Raises:
            ValueError: If there is not one truth value per stream, or the state is that of another
                model.
        """
        streams = checked_streams(streams, self._check_state(state))
        rows = np.flatnonzero(streams)[:, None]
        return {
            name: tf.tensor_scatter_nd_update(x, rows, tf.zeros((len(rows), *x.shape[1:]), x.dtype))
            for name, x in state.items()
        }

    def _run(self, frame, state, valid):
        frame = tf.cast(frame, "float32")
        return self._step(frame, dict(state), tf.fill(tf.shape(frame)[:1], valid))

    def _check(self, frames, state):
        batch = self._check_state(state)
        batch = frames.shape[0] if batch is None and frames.shape.rank else batch
        check_frames(frames, self.frame_shape, batch)

    def _check_state(self, state):
        """Returns the number of streams; None for a model without a state."""
        shapes = {name: tuple(x.shape) for name, x in dict(state).items()}
        batches = {shape[0] for shape in shapes.values() if shape}
        batch = batches.pop() if len(batches) == 1 else None
        expected = {name: (batch, *shape) for name, (shape, _) in self._specs.items()}
        if not shapes and not expected:
            return None
        if batch is None or shapes != expected:
            wrong = sorted(
                name for name in {*shapes, *expected} if shapes.get(name) != expected.get(name)
            )
            raise ValueError(
                "`state` must be what `initial_state` or `step` of this model returned. Received: "
                f"{len(shapes)} tensors, of which {wrong[:3]} differ from this model's"
            )
        return batch


def _stacked(logits):
    if isinstance(logits[0], dict):
        return {task: tf.stack([part[task] for part in logits], axis=1) for task in logits[0]}
    return tf.stack(logits, axis=1)
