from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.models import SegmentModel
from gsf_tf.streaming.split_backbone import split_backbone
from gsf_tf.streaming.stream_checks import check_batch, check_frames, checked_streams
from gsf_tf.whole_numbers import is_whole

_COUNT = "count"
_MOST_FRAMES = 2**12


class SlidingWindowModel:
    """Any model of clips for video without an end: at each frame, a clip of the last ones.

    For models without a streaming form, and to see in a stream what an evaluation sees. The last
    `frames` frames of a stream are divided into as many segments as the model's clips have, and the
    middle frame of each segment is taken, as in the evaluation of a video of these frames. At the
    start of a stream, the frames are those that are there.

    A frame runs once through the layers of a `SegmentModel` before its first temporal layer; their
    outputs are the state. The other layers run for all frames of the clip at each step, so a step
    costs nearly as much as a clip: `StreamingModel` is faster where it can be used.

    Args:
        model: `SegmentModel`, or any other model or function from clips `[N, T, H, W, 3]` with a
            fixed `input_shape` to logits, such as a `gsf_tf.trained.ServedModel`; of that, frames
            are kept as they are.
        frames: Integer in T..4096. Number of frames that the window has: its seconds times the
            frames per second that are fed.

    Attributes:
        look_ahead: 0.
        frame_shape: `(height, width, 3)` of a frame in pixels.
        num_layers_once: Number of the backbone's layers that a frame runs through once.

    Raises:
        ValueError: If `frames` is out of range, or the model has no clips as input.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gst_resnet50", 12, 4, input_shape=(64, 64, 3))
    stream = gsf_tf.streaming.SlidingWindowModel(model, frames=16)
    state = stream.initial_state(batch=1)
    for frame in np.zeros((5, 1, 64, 64, 3), "uint8"):
        logits, state = stream.step(frame, state)
    ```
    """

    look_ahead = 0

    def __init__(self, model: Any, frames: int):
        shape = tuple(getattr(model, "input_shape", ()))
        if len(shape) != 5 or None in shape[1:] or shape[-1] != 3:
            raise ValueError(
                "`model` must take clips `[N, T, H, W, 3]` of a fixed size. Received: a "
                f"{type(model).__name__} with input_shape={shape}"
            )
        self._num_segments, self.frame_shape = shape[1], shape[2:]
        if not is_whole(frames, self._num_segments, _MOST_FRAMES):
            raise ValueError(
                f"`frames` must be an integer in {self._num_segments}..{_MOST_FRAMES}, for a model "
                f"of {self._num_segments} segments. Received: frames={frames!r}"
            )
        self._frames, self._model, self.num_layers_once = int(frames), model, 0
        first, rest = _pass_on, self._of_clip
        if isinstance(model, SegmentModel):
            before, behind, self.num_layers_once = split_backbone(model.backbone)
            first, rest = self._first_of(before), self._rest_of(behind)
        frame = tf.TensorSpec(
            (None, *self.frame_shape), "uint8" if first is _pass_on else "float32"
        )
        self._first = tf.function(first, input_signature=[frame], autograph=False)
        kept = self._first.get_concrete_function().structured_outputs
        self._kept = [(tuple(x.shape[1:]), x.dtype) for x in kept]
        specs = [tf.TensorSpec((None, *x), dtype) for x, dtype in self._kept]
        self._rest = tf.function(rest, input_signature=[specs], autograph=False)

    def _first_of(self, before):
        normalize = self._model.get_layer("normalization")
        return lambda frame: keras.tree.flatten(before(normalize(frame), training=False))

    def _rest_of(self, behind):
        model = self._model

        def rest(kept):
            features = behind(kept, training=False)
            if len(features.shape) == 4:
                features = model.get_layer("avgpool")(features)
            if not isinstance(model.num_classes, Mapping):
                return _consensus(model, features, "")
            return {task: _consensus(model, features, f"_{task}") for task in model.num_classes}

        return rest

    def _of_clip(self, kept):
        clips = tf.reshape(kept[0], (-1, self._num_segments, *self.frame_shape))
        return self._model(clips, training=False)

    def initial_state(self, batch: int = 1) -> dict[str, tf.Tensor]:
        """Returns the state before the first frame of `batch` streams.

        Args:
            batch: Integer >= 1. Number of streams.

        Returns:
            Dictionary of tensors `[batch, ...]` of rank 4 at most: what is kept of each of the last
            frames, and `count`, how many frames each stream has.

        Raises:
            ValueError: If `batch` is no integer >= 1.
        """
        check_batch(batch)
        # One tensor of zeros serves all places: nothing writes into a tensor.
        zeros = [tf.zeros((int(batch), *shape), dtype) for shape, dtype in self._kept]
        state = {name: zeros[part] for name, part in self._places()}
        return {**state, _COUNT: tf.zeros(int(batch), "int32")}

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
            them for several tasks, of the clip that ends with the frame.

        Raises:
            ValueError: If the frames have another shape, or the state is that of another model or
                of another number of streams.
        """
        frames = tf.convert_to_tensor(frames)
        check_frames(frames, self.frame_shape, self._check_state(state))
        if frames.shape.rank == 4:
            return self._one(frames, state)
        logits = []
        for frame in tf.unstack(frames, axis=1):
            found, state = self._one(frame, state)
            logits.append(found)
        return tf.nest.map_structure(lambda *parts: tf.stack(parts, axis=1), *logits), state

    def flush(
        self, state: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor | None, dict[str, tf.Tensor]]:
        """Ends all streams, which have their answers already.

        Args:
            state: What the last step returned.

        Returns:
            None, and the state before the first frame of new streams.

        Raises:
            ValueError: If the state is that of another model.
        """
        return None, self.initial_state(self._check_state(state))

    def reset(self, state: Mapping[str, tf.Tensor], streams: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the state in which some streams begin anew, and the others go on.

        Args:
            state: What a step returned.
            streams: `[N]`, true for each stream that begins anew.

        Raises:
            ValueError: If there is not one truth value per stream, or the state is that of another
                model.
        """
        streams = checked_streams(streams, self._check_state(state))
        return {**state, _COUNT: tf.where(streams, 0, state[_COUNT])}

    def _one(self, frame, state):
        new = self._first(tf.cast(frame, self._first.input_signature[0].dtype))
        moved = {
            name: new[part] if place == 1 else state[_name(place - 1, part)]
            for place, (name, part) in zip(self._numbers(), self._places(), strict=True)
        }
        count = tf.minimum(state[_COUNT] + 1, self._frames)
        chosen = [self._chosen(int(number)) for number in count]
        clips = [self._stacked(moved, chosen, part) for part in range(len(self._kept))]
        return self._rest(clips), {**moved, _COUNT: count}

    def _chosen(self, count):
        """Returns the places of the clip's frames: 1 is the newest, `count` the oldest."""
        middles = count / self._num_segments * (np.arange(self._num_segments) + 0.5)
        return [count - int(position) for position in middles]

    def _stacked(self, state, chosen, part):
        """Returns `[N * T, ...]`, the chosen frames of each stream after each other."""
        frames = []
        for places in zip(*chosen, strict=True):
            if len(set(places)) == 1:
                frames.append(state[_name(places[0], part)])
            else:
                rows = [state[_name(place, part)][n] for n, place in enumerate(places)]
                frames.append(tf.stack(rows))
        shape, _ = self._kept[part]
        return tf.reshape(tf.stack(frames, axis=1), (-1, *shape))

    def _numbers(self):
        return [place for place in range(1, self._frames + 1) for _ in self._kept]

    def _places(self):
        """Returns the names of the state's tensors, each with the number of the kept tensor."""
        parts = range(len(self._kept))
        return [
            (_name(place, part), part) for place in range(1, self._frames + 1) for part in parts
        ]

    def _check_state(self, state):
        """Returns the number of streams."""
        shapes = {name: tuple(x.shape) for name, x in dict(state).items()}
        batch = shapes[_COUNT][0] if len(shapes.get(_COUNT, ())) == 1 else None
        expected = {name: (batch, *self._kept[part][0]) for name, part in self._places()}
        if shapes != {**expected, _COUNT: (batch,)}:
            raise ValueError(
                "`state` must be what `initial_state` or `step` of this model returned. Received: "
                f"{len(shapes)} tensors, which are not this model's"
            )
        return batch


def _pass_on(frame):
    return [frame]


def _name(place, part):
    return f"frame_{place}/{part}"


def _consensus(model, features, task):
    logits = model.get_layer(f"classifier{task}")(features)
    return model.get_layer(f"consensus{task}")(logits)
