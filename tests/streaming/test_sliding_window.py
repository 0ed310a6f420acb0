"""At each frame, the answer is the model's to a clip of the last frames."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import test_segment_indices as segment_indices
from gsf_tf.models import from_preset
from gsf_tf.streaming import SlidingWindowModel, StreamingModel
from tests import exhaustive
from tests.streaming.test_streaming_model import SIZE, build, clips

SEGMENTS, WINDOW, FRAMES = 3, 5, 8


def expected(model, frames, begin=0):
    """The model's logits for the clip that ends with each frame, from the definition."""
    logits = []
    for k in range(begin, len(frames)):
        last = frames[max(begin, k + 1 - WINDOW) : k + 1]
        clip = last[np.array(segment_indices(len(last), SEGMENTS))]
        logits.append(np.array(model(clip[None])[0]))
    return np.stack(logits)


def run(stream, frames, state):
    logits, state = stream.step(frames, state)
    return np.array(logits), state


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize(
    ("name", "once"),
    exhaustive.cases(
        [("gsf", 4), ("tsm", 4), ("rubiksnet", None), ("tsn", None)], lambda case: case[0] == "tsm"
    ),
)
def test_a_window(name, once):
    model, (frames,) = build(name, SEGMENTS), clips(1, FRAMES)
    stream = SlidingWindowModel(model, WINDOW)
    logits, state = run(stream, frames[None], stream.initial_state())
    assert_close(logits[0], expected(model, frames))
    if once is not None:  # Padding, convolution, normalization with ReLU, pooling; see the preset.
        assert stream.num_layers_once >= once
    if name == "tsn":
        assert stream.num_layers_once == len(model.backbone.layers) - 1
    assert stream.flush(state)[0] is None
    again, _ = run(stream, frames[None], stream.flush(state)[1])
    np.testing.assert_array_equal(again, logits)


def test_streams_begin_on_their_own_and_other_models_take_whole_frames():
    """A model without a backbone, whose second stream begins anew three frames later."""
    clip = keras.Input((SEGMENTS, SIZE, SIZE, 3))
    weights = keras.ops.reshape(keras.ops.arange(1.0, SEGMENTS + 1), (1, SEGMENTS, 1))
    means = keras.ops.mean(clip, axis=(2, 3)) * weights
    model = keras.Model(clip, keras.layers.Flatten()(means))
    frames = clips(2, FRAMES)
    stream = SlidingWindowModel(model, WINDOW)
    state = stream.initial_state(2)
    assert state["frame_1/0"].dtype == tf.uint8 and stream.num_layers_once == 0
    first, state = run(stream, frames[:, :3], state)
    rest, state = run(stream, frames[:, 3:], stream.reset(state, [False, True]))
    both = np.concatenate([first, rest], axis=1)
    assert_close(both[0], expected(model, frames[0].astype("float32")))
    assert_close(both[1, 3:], expected(model, frames[1].astype("float32"), begin=3))


@pytest.mark.exhaustive
def test_a_model_without_a_streaming_form_and_several_tasks():
    model = from_preset("gst_resnet50", {"verb": 2, "noun": 3}, SEGMENTS, (SIZE, SIZE, 3))
    with pytest.raises(ValueError, match="Streaming needs temporal layers"):
        StreamingModel(model)
    (frames,) = clips(1, 4)
    stream = SlidingWindowModel(model, WINDOW)
    logits, _ = stream.step(frames[None], stream.initial_state())
    assert {task: tuple(x.shape) for task, x in logits.items()} == {
        "verb": (1, 4, 2), "noun": (1, 4, 3)
    }  # fmt: skip
    clip = frames[np.array(segment_indices(4, SEGMENTS))]
    assert_close(np.array(logits["noun"][0, -1]), np.array(model(clip[None])["noun"][0]))


def test_errors():
    clip = keras.Input((SEGMENTS, SIZE, SIZE, 3))
    model = keras.Model(clip, keras.ops.mean(clip, axis=(1, 2, 3)))
    for frames in (SEGMENTS - 1, True, 2.5, 5000):
        with pytest.raises(ValueError, match="`frames` must be an integer in 3..4096"):
            SlidingWindowModel(model, frames)
    image = keras.Input((SIZE, SIZE, 3))
    for other in (keras.Model(image, keras.ops.mean(image)), len):
        with pytest.raises(ValueError, match="`model` must take clips"):
            SlidingWindowModel(other, 4)
    stream = SlidingWindowModel(model, WINDOW)
    with pytest.raises(ValueError, match="`batch` must be an integer >= 1"):
        stream.initial_state(0)
    state = stream.initial_state(2)
    with pytest.raises(ValueError, match=r"`frames` must be \[2, 32, 32, 3\] for the state of 2"):
        stream.step(clips(3), state)
    with pytest.raises(ValueError, match="`state` must be what `initial_state` or `step`"):
        stream.step(clips(2), SlidingWindowModel(model, WINDOW + 1).initial_state(2))
    with pytest.raises(ValueError, match="`streams` must be 2 truth values"):
        stream.reset(state, [1, 0])
