"""The answers of a model to the frames of a stream, each with the frame that it belongs to."""

import collections
import dataclasses
from collections.abc import Iterator

import numpy as np

from gsf_tf.errors import UserError
from gsf_tf.streaming.sampled_frame import SampledFrame
from gsf_tf.streaming.sliding_window import SlidingWindowModel
from gsf_tf.streaming.streaming_model import StreamingModel
from gsf_tf.tasks import ACTION, task_logits


@dataclasses.dataclass(frozen=True)
class StreamAnswer:
    """The answer for one frame.

    Attributes:
        frame: The `SampledFrame`.
        probabilities: float64 `[K]`; for a multi-task model those of the action.
    """

    frame: SampledFrame
    probabilities: np.ndarray


class StreamAnswers:
    """Runs a streaming model on one stream and gives its answers to the frames that they are of.

    Args:
        model: `StreamingModel` or `SlidingWindowModel`.
    """

    def __init__(self, model: StreamingModel | SlidingWindowModel):
        self._model = model
        self._state, self._waiting = model.initial_state(1), collections.deque()

    def add(self, frame: SampledFrame) -> Iterator[StreamAnswer]:
        """Yields the answer that a frame completes, if it does."""
        self._waiting.append(frame)
        logits, self._state = self._model.step(frame.pixels[None], self._state)
        if len(self._waiting) > self._model.look_ahead:
            yield self._answer(_action(logits)[0])

    def finish(self) -> Iterator[StreamAnswer]:
        """Yields the answers that the model still owes; the next frame begins a new stream."""
        if self._waiting:
            logits, _ = self._model.flush(self._state)
            for row in _action(logits)[0][-len(self._waiting) :]:
                yield self._answer(row)
        self._state = self._model.initial_state(1)

    def _answer(self, logits):
        if not np.isfinite(logits).all():
            raise UserError(
                "Logits must be finite numbers. Received: others for a frame of the stream. The "
                "weights are damaged, or the model's precision is too low."
            )
        powers = np.exp(logits.astype("float64") - logits.max())
        return StreamAnswer(self._waiting.popleft(), powers / powers.sum())


def _action(logits):
    return np.asarray(task_logits(logits)[ACTION])
