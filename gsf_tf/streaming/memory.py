"""What a stream keeps from one frame to the next."""

import tensorflow as tf

VALID = "is_frame"


class Memory:
    """Tensors of earlier frames, by name, while one frame goes through a model.

    Args:
        state: Dictionary of what the frame before left; None to learn the names and the shapes,
            with zeros in the place of all earlier frames.
        valid: `[N]`, 1 where the newest frame is one of the stream, 0 after the stream's end.
        waits: Whether the model waits for later frames. If not, no step comes after the stream's
            end, so every frame is one of the stream and nothing has to be multiplied.

    Attributes:
        kept: Dictionary of what this frame leaves, `[N, ...]` each.
    """

    def __init__(self, state, valid, waits):
        self._state, self._waits = state, waits
        self.kept = {}
        self._valid = [valid]

    def past(self, name, x, frames):
        """Returns `x` of the `frames` frames before, the latest first; zeros before the start."""
        if f"{name}/1" in self.kept:
            raise ValueError(
                "Streaming needs a backbone that calls each layer once. "
                f"Received: {name!r}, which is called several times."
            )
        earlier = [self.recall(f"{name}/{i + 1}", x) for i in range(frames)]
        for i, kept in enumerate([x, *earlier][:frames]):
            self.kept[f"{name}/{i + 1}"] = kept
        return earlier

    def delayed(self, name, x, frames):
        """Returns `x` of the frame that was the newest `frames` frames ago."""
        return self.past(name, x, frames)[-1] if frames else x

    def inside(self, x, delay):
        """Returns `x`, with zeros where the frame `delay` frames ago is none of the stream."""
        return x * self.valid(delay, x.dtype) if self._waits else x

    def valid(self, delay, dtype):
        """Returns `[N, 1, 1, 1]`, 1 where the frame `delay` frames ago is one of the stream."""
        while len(self._valid) <= delay:
            name = f"{VALID}/{len(self._valid)}"
            earlier = self.recall(name, self._valid[-1])
            self.kept[name] = self._valid[-1]
            self._valid.append(earlier)
        return tf.cast(self._valid[delay], dtype)[:, None, None, None]

    def recall(self, name, like):
        """Returns what the frame before kept under a name; zeros like `like` at the start."""
        return tf.zeros_like(like) if self._state is None else self._state[name]

    def keep(self, name, x):
        """Keeps a tensor for the next frame, and returns it."""
        self.kept[name] = x
        return x
