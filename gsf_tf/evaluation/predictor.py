import collections
import dataclasses
import functools
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.data import ClipLimits, LabelMap, frames_to_clip
from gsf_tf.errors import UserError
from gsf_tf.evaluation.decoding_pool import DecodingPool
from gsf_tf.evaluation.prediction import Prediction
from gsf_tf.models import SegmentModel
from gsf_tf.models.layer_lookup import classifiers
from gsf_tf.tasks import ACTION, task_logits
from gsf_tf.trained import TrainedModel, open_model

_MOST_VIEWS = 16


class Predictor:
    """Classifies videos with a trained model.

    The classes of a multi-task model are those of its task `"action"`. Logits are averaged over the
    views of a video, as in `score_videos`. The result of a video does not depend on the other
    videos, nor on how many there are: every step of the model has `batch_size` views, the last one
    is padded.

    Args:
        model: Whatever `gsf_tf.trained.open_model` opens: a workdir, an export, a `.keras` file, a
            checkpoint of the authors, a `keras.Model` that is in memory, or a `TrainedModel`. An
            export is a program: load only what you trust.
        labels: `LabelMap`, or path of a file of class names; for a model that keeps none.
        num_clips: Clips of a video, evenly spaced in time; at least 1.
        num_crops: Crops of a clip, evenly spaced; at least 1.
        full_short_side: As in `Protocol`.
        crops_along: As in `Protocol`.
        batch_size: Views that run through the model at once, at least 1; by default those of one
            video, but at most 16. Larger batches may be faster on a GPU.
        decoders: Videos that are decoded at once, in threads, while the model runs; at least 1.
        isolated: Decode in other processes, so that a decoder that crashes or hangs costs one
            video. A script that does so needs the line `if __name__ == "__main__":`.
        limits: How much work a clip may be, by default `ClipLimits()`.

    Attributes:
        model: The `TrainedModel`.
        labels: `LabelMap` of the model's classes.
        num_segments: Frames of a clip.
        height: Height of the model's input in pixels.
        width: Width of the model's input in pixels.
        short_side: Pixels to which the short side of larger videos is scaled.

    Raises:
        UserError: If `model` is none of these, its labels are unknown, or a number is below 1.

    Example:

    ```python
    predictor = gsf_tf.Predictor("gsf_ssv1.keras", num_clips=2, num_crops=3)
    predictor.top("clip.mp4", k=5)  # [("moving_left", 0.93), ...]
    for row in predictor.predict(["a.mp4", "b.mp4"], features=True):
        print(row.video, row.error or row.top(1), row.features)
    ```
    """

    def __init__(
        self,
        model: TrainedModel | keras.Model | str | os.PathLike,
        labels: LabelMap | str | os.PathLike | None = None,
        *,
        num_clips: int = 1,
        num_crops: int = 1,
        full_short_side: bool = False,
        crops_along: str = "longer_side",
        batch_size: int | None = None,
        decoders: int = 1,
        isolated: bool = False,
        limits: ClipLimits | None = None,
    ):
        counts = {"num_clips": num_clips, "num_crops": num_crops, "decoders": decoders}
        counts["batch_size"] = 1 if batch_size is None else batch_size
        for name, value in counts.items():
            if type(value) is not int or value < 1:
                raise UserError(f"`{name}` must be a whole number >= 1. Received: {name}={value!r}")
        self.model = open_model(model, labels)
        self.labels = self.model.labels
        self.num_segments = self.model.num_segments
        self.height, self.width = self.model.image_size
        self.short_side = self.model.description.short_side
        self._views = num_clips * num_crops
        self._batch_size = batch_size or min(self._views, _MOST_VIEWS)
        self._pool, self._traced = DecodingPool(decoders, isolated), {}
        self._make_clip = functools.partial(
            frames_to_clip,
            num_segments=self.num_segments,
            image_size=(self.height, self.width),
            short_side=self.short_side,
            sampling=self.model.description.sampling,
            frame_stride=self.model.description.frame_stride,
            num_clips=num_clips,
            num_crops=num_crops,
            full_short_side=full_short_side,
            crops_along=crops_along,
            limits=limits,
        )

    def predict(self, videos: Iterable[Any], *, features: bool = False) -> Iterator[Prediction]:
        """Classifies videos, and decodes the next ones while the model runs.

        Args:
            videos: Paths of video files, folders of numbered frames or images; or uint8 RGB frames
                `[N, H, W, 3]`. The iterable is read as needed and may be endless.
            features: Whether to return the vectors before the classifier, too.

        Yields:
            A `Prediction` per video, in their order. A video that cannot be decoded has one with an
            `error`, and the others go on.

        Raises:
            UserError: If features are asked for, and the model is an export without them or no
                `SegmentModel`.
        """
        step = self._step(features)
        rows, views = collections.deque(), collections.deque()
        # The model is traced while the process that decodes starts.
        for video, clip in self._pool.map(self._decode, videos, step.get_concrete_function):
            rows.append(_Row(video, clip if isinstance(clip, Exception) else None, self._views))
            if rows[-1].error is None:
                views.extend(zip(itertools.repeat(rows[-1]), clip, strict=False))
            while len(views) >= self._batch_size:
                self._run(step, [views.popleft() for _ in range(self._batch_size)])
            while rows and rows[0].is_complete:
                yield rows.popleft().prediction(self.labels)
        if views:
            self._run(step, list(views))
        yield from (row.prediction(self.labels) for row in rows)

    def probabilities(self, video: str | os.PathLike | np.ndarray) -> np.ndarray:
        """Returns the probability of each class for a video.

        Args:
            video: As in `predict`.

        Returns:
            float32 `[K]`, which sums to 1.

        Raises:
            VideoError: If the file cannot be decoded to its end within the limits.
        """
        return self._single(video).probabilities

    def top(self, video: str | os.PathLike | np.ndarray, k: int = 5) -> list[tuple[str, float]]:
        """Returns the most probable classes of a video.

        Args:
            video: As in `predict`.
            k: Number of classes, at least 1.

        Returns:
            A list of `(name, probability)`, the most probable first.

        Raises:
            VideoError: If the file cannot be decoded to its end within the limits.
        """
        return self._single(video).top(k)

    def features(self, video: str | os.PathLike | np.ndarray) -> np.ndarray:
        """Returns the vector before the classifier, the mean over the frames of all views.

        Args:
            video: As in `predict`.

        Returns:
            float32 `[C]`.

        Raises:
            VideoError: If the file cannot be decoded to its end within the limits.
            UserError: As in `predict`.
        """
        row = self._single(video, features=True)
        if row.error is not None:
            raise row.error
        return row.features

    def read_views(self, video: str | os.PathLike | np.ndarray) -> np.ndarray:
        """Decodes a video and returns what the model sees of it.

        Args:
            video: As in `predict`.

        Returns:
            uint8 `[V, T, H, W, 3]`, the crops of the sampled frames, RGB; V is `num_clips *
            num_crops`.

        Raises:
            VideoError: If the file cannot be decoded to its end within the limits.
        """
        ((_, views),) = self._pool.map(self._decode, [video])
        if isinstance(views, Exception):
            raise views
        return views

    def classify_views(self, views: np.ndarray) -> Prediction:
        """Runs the model on the views of a video.

        Args:
            views: uint8 `[V, T, H, W, 3]`, such as the result of `read_views`.

        Returns:
            The `Prediction` that `predict` yields for the video; its `video` is None.

        Raises:
            ValueError: If the views have another type or shape.

        Example:

        ```python
        views = predictor.read_views("clip.mp4")
        predictor.classify_views(views).top(5)  # predictor.top("clip.mp4", 5)
        ```
        """
        expected = (self._views, self.num_segments, self.height, self.width, 3)
        if views.shape != expected or views.dtype != np.uint8:
            raise ValueError(
                f"`views` must be uint8 {list(expected)} for this model and its views. Received: "
                f"shape={list(views.shape)}, dtype={views.dtype}"
            )
        row, step = _Row(None, None, self._views), self._step(features=False)
        for start in range(0, self._views, self._batch_size):
            self._run(step, [(row, view) for view in views[start : start + self._batch_size]])
        return row.prediction(self.labels)

    def close(self) -> None:
        """Ends the threads and processes that decode; they start again when they are needed.

        Another thread that decodes a video in a process gets a `VideoError`.
        """
        self._pool.close()

    def __enter__(self) -> "Predictor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _single(self, video, features=False):
        (row,) = self.predict([video], features=features)
        return row

    def _decode(self, video, process):
        """Returns the views of a video, uint8 `[V, T, H, W, 3]`."""
        clip = self._make_clip(video, process=process)
        return clip if self._views > 1 else clip[None]

    def _run(self, step, views):
        """Runs the model on views, and gives the results to the rows that they are of."""
        clips = np.stack([view for _, view in views])
        padding = [(0, self._batch_size - len(clips))] + [(0, 0)] * 4
        results = [value.numpy() for value in step(tf.constant(np.pad(clips, padding)))]
        for number, (row, _) in enumerate(views):
            row.results.append([value[number] for value in results])

    def _step(self, features):
        """Returns the function from views to logits and, perhaps, features; traces it once."""
        if features not in self._traced:
            self._traced[features] = self._trace(features)
        return self._traced[features]

    def _trace(self, features):
        network = self.model.network
        with_features = _with_features(self.model) if features else None
        shape = [self._batch_size, *network.input_shape[1:]]

        @tf.function(autograph=False, input_signature=[tf.TensorSpec(shape, tf.uint8)])
        def step(clip):
            if not features:
                return (task_logits(network(clip, training=False))[ACTION],)
            logits, vectors = with_features(clip)
            return task_logits(logits)[ACTION], tf.cast(vectors, tf.float32)

        return step


@dataclasses.dataclass
class _Row:
    """A video whose views are on their way through the model."""

    video: Any
    error: Exception | None
    views: int
    results: list = dataclasses.field(default_factory=list)

    @property
    def is_complete(self):
        return self.error is not None or len(self.results) == self.views

    def prediction(self, labels):
        if self.error is not None:
            return Prediction(self.video, labels, error=self.error)
        means = [
            np.mean(values, axis=0, dtype=np.float64).astype(np.float32)
            for values in zip(*self.results, strict=True)
        ]
        if not np.isfinite(means[0]).all():
            problem = UserError(
                "Logits must be finite numbers. Received: others for this video. The weights are "
                "damaged, or the model's precision is too low."
            )
            return Prediction(self.video, labels, error=problem)
        return Prediction(self.video, labels, *means)


def _with_features(model):
    """Returns a function from clips to logits and the vectors before the classifier."""
    network = model.network
    if model.is_served:
        return lambda clip: (network(clip), network.features(clip))
    if not isinstance(network, SegmentModel):
        raise UserError(
            "Features are those of a `SegmentModel`, which has a backbone and a classifier. "
            f"Received: {model.name}, a {type(network).__name__}. Leave `features` out."
        )
    head = next(iter(classifiers(network).values()))
    both = keras.Model(network.input, (network.output, head.input))

    def run(clip):
        logits, vectors = both(clip, training=False)
        vectors = tf.reshape(vectors, [-1, network.num_segments, vectors.shape[-1]])
        return logits, tf.reduce_mean(tf.cast(vectors, tf.float32), axis=1)

    return run
