"""Frame by frame, a model gives what it gives for the clip of all frames."""

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import AttentionShift, GateShift, GateShiftFuse, RubiksShift3D
from gsf_tf.models import from_preset, harden
from gsf_tf.streaming import StreamingModel
from tests import exhaustive

T, SIZE = 6, 32
# (preset, arguments, look-ahead of the plain model)
FAMILIES = {
    "tsn": ("tsn_resnet14thin", {}, 0),
    "tsm": ("tsm_resnet14thin", {}, 4),
    "gsm": ("gsm_resnet14thin", {}, 8),
    "gsf": ("gsf_resnet14thin", {"channel_ratio": 0.5}, 12),
    "gsf, sum": ("gsf_resnet14thin", {"temporal_options": {"gate": -1, "fusion": "sum"}}, 4),
    "rubiksnet": ("rubiksnet_mini", {}, None),
    "rubiksnet, quantized": ("rubiksnet_mini", {"shift_mode": "quantized"}, None),
    "rubiksnet, attention": ("rubiksnet_mini_aq", {}, None),
}
# The others run with `make test-all`.
DELAYED_EVERY_TIME = ("tsm", "gsf", "rubiksnet")
CAUSAL_EVERY_TIME = ("gsf", "rubiksnet, attention")
CAUSAL = [name for name, (preset, _, _) in FAMILIES.items() if not preset.startswith("tsn")]


def build(name, num_segments=T, causal=None):
    """A model whose gates are open, whose shifts differ and whose moving statistics are no 0, 1."""
    preset, arguments, _ = FAMILIES[name]
    model = from_preset(
        preset, 5, num_segments, (SIZE, SIZE, 3), causal=causal, dropout=0.0, **arguments
    )
    random = np.random.default_rng(0)
    for layer in model.backbone.layers:
        if isinstance(layer, (GateShift, GateShiftFuse)):
            for weight in layer.trainable_weights:
                weight.assign(0.3 * random.normal(size=weight.shape) + (weight.name == "gamma"))
        if isinstance(layer, RubiksShift3D):
            layer.shift.assign(random.uniform(-1.6, 1.4, layer.shift.shape))
        if isinstance(layer, AttentionShift):
            layer.attention.assign(random.normal(size=layer.attention.shape))
    for weight in model.non_trainable_weights:
        if weight.name == "moving_mean":
            weight.assign(0.1 * random.normal(size=weight.shape))
    classifier = model.get_layer("classifier").kernel
    classifier.assign(random.normal(size=classifier.shape))
    return model


def frame_logits(model, clip):
    """What the model computes for the frames of a clip before their mean."""
    features = model.backbone(model.get_layer("normalization")(tf.cast(clip, "float32")))
    return np.array(model.get_layer("classifier")(model.get_layer("avgpool")(features)))


def clips(*shape):
    return np.random.default_rng(1).integers(0, 256, (*shape, SIZE, SIZE, 3)).astype("uint8")


def run(stream, frames, state):
    """The logits of all frames `[N, K, H, W, 3]`, then those of the flush."""
    parts = []
    for k in range(frames.shape[1]):
        logits, state = stream.step(frames[:, k], state)
        parts.append(np.array(logits))
    late, state = stream.flush(state)
    if late is not None:
        parts.extend(np.moveaxis(np.array(late), 1, 0))
    return np.stack(parts, axis=1), state


def assert_close(ours, clip_logits):
    np.testing.assert_allclose(ours, clip_logits, rtol=0, atol=1e-5 * np.abs(clip_logits).max())


@pytest.mark.parametrize("name", exhaustive.cases(FAMILIES, DELAYED_EVERY_TIME.__contains__))
def test_delayed(name):
    model, (clip,) = build(name), clips(1, T)
    stream = StreamingModel(model)
    known = FAMILIES[name][2]
    assert stream.look_ahead == known or known is None and stream.look_ahead > 0
    logits, state = run(stream, clip[None], stream.initial_state())
    assert np.isnan(logits[:, : stream.look_ahead]).all()
    assert_close(logits[0, stream.look_ahead :], frame_logits(model, clip))
    # After the flush a new stream begins.
    again, _ = run(stream, clip[None], state)
    np.testing.assert_array_equal(again, logits)


@pytest.mark.parametrize("name", exhaustive.cases(CAUSAL, CAUSAL_EVERY_TIME.__contains__))
def test_causal(name):
    model, (clip,) = build(name, causal=True), clips(1, T)
    stream = StreamingModel(model, mode="causal")
    assert stream.look_ahead == 0
    logits, _ = stream.step(clip[None], stream.initial_state())
    assert_close(np.array(logits[0]), frame_logits(model, clip))


@pytest.mark.parametrize("name", exhaustive.cases(["gsf", "rubiksnet"], "gsf".__eq__))
def test_streams_begin_on_their_own(name):
    """Of two streams in a batch, the second begins anew three frames later."""
    model, (first, second) = build(name), clips(2, T)
    later = build(name, T - 3)
    later.set_weights(model.get_weights())
    stream = StreamingModel(model)
    state = stream.initial_state(2)
    for k in range(3):
        _, state = stream.step(np.stack([first[k], second[k]]), state)
    state = stream.reset(state, [False, True])
    logits, _ = run(stream, np.stack([first[3:], second[3:]]), state)
    assert_close(logits[0, -T:], frame_logits(model, first))
    assert np.isnan(logits[1, : stream.look_ahead]).all()
    assert_close(logits[1, stream.look_ahead :], frame_logits(later, second[3:]))


FROZEN = {
    "gsf, causal": lambda: build("gsf", causal=True),
    "tsm": lambda: build("tsm"),
    "rubiksnet, attention": lambda: build("rubiksnet, attention"),
    "several tasks": lambda: from_preset(
        "tsm_resnet14thin", {"verb": 3, "noun": 4}, T, (SIZE, SIZE, 3), causal=True
    ),
}


@pytest.mark.parametrize("name", exhaustive.cases(FROZEN, ("gsf, causal",).__contains__))
def test_frozen(name):
    model, (clip,) = FROZEN[name](), clips(1, T)
    stream, frozen = StreamingModel(model), StreamingModel(model, frozen=True)
    expected, state = stream.step(clip[None], stream.initial_state())
    logits, frozen_state = frozen.step(clip[None], frozen.initial_state())
    for ours, theirs in zip(tf.nest.flatten(logits), tf.nest.flatten(expected), strict=True):
        # Both are NaN where a stream has no frame yet.
        bound = 1e-5 * np.nanmax(np.abs(theirs), initial=1e-3)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound)
    assert {n: x.shape for n, x in frozen_state.items()} == {n: x.shape for n, x in state.items()}

    # Later weights change the stream, and not the frozen one. The bias is 0.
    for layer in model.layers:
        if layer.name.startswith("classifier"):
            layer.kernel.assign(2 * layer.kernel)
    again, _ = frozen.step(clip[None], frozen.initial_state())
    for ours, theirs in zip(tf.nest.flatten(again), tf.nest.flatten(logits), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    changed, _ = stream.step(clip[None], stream.initial_state())
    for ours, theirs in zip(tf.nest.flatten(changed), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(ours, 2 * theirs, rtol=1e-5)


def test_hardened():
    model, (clip,) = harden(build("rubiksnet, attention")).model, clips(1, T)
    stream = StreamingModel(model)
    logits, _ = run(stream, clip[None], stream.initial_state())
    assert_close(logits[0, stream.look_ahead :], frame_logits(model, clip))


def test_the_state():
    stream = StreamingModel(build("gsf", causal=True))
    state = stream.initial_state(3)
    assert all(x.shape.rank <= 4 and x.shape[0] == 3 for x in state.values())
    _, after = stream.step(clips(3), state)
    assert {name: (x.shape, x.dtype) for name, x in after.items()} == {
        name: (x.shape, x.dtype) for name, x in state.items()
    }


def test_several_tasks():
    model = from_preset("tsm_resnet14thin", {"verb": 3, "noun": 4}, T, (SIZE, SIZE, 3))
    stream = StreamingModel(model)
    logits, state = stream.step(clips(2, 5), stream.initial_state(2))
    assert {task: tuple(x.shape) for task, x in logits.items()} == {
        "verb": (2, 5, 3), "noun": (2, 5, 4)
    }  # fmt: skip
    late, _ = stream.flush(state)
    assert late["noun"].shape == (2, 4, 4)


def test_errors():
    plain = build("tsm")
    with pytest.raises(ValueError, match="must be causal in the mode 'causal'.*reads later frames"):
        StreamingModel(plain, mode="causal")
    with pytest.raises(ValueError, match="`mode` must be one of causal, delayed. Received"):
        StreamingModel(plain, mode="window")
    with pytest.raises(ValueError, match="must be a `gsf_tf.models.SegmentModel`"):
        StreamingModel(plain.backbone)
    with pytest.raises(ValueError, match="temporal layers of TSM, GSM, GSF or RubiksNet"):
        StreamingModel(from_preset("gst_resnet14thin", 3, T, (SIZE, SIZE, 3)))
    stream = StreamingModel(plain)
    for batch in (0, True, 1.5):
        with pytest.raises(ValueError, match="`batch` must be an integer >= 1"):
            stream.initial_state(batch)
    state = stream.initial_state(2)
    with pytest.raises(ValueError, match=r"`frames` must be \[2, 32, 32, 3\] for the state of 2"):
        stream.step(clips(3), state)
    with pytest.raises(ValueError, match=r"Received: frames of shape \(2, 32, 3\)"):
        stream.step(clips(2)[..., 0, :], state)
    other = StreamingModel(build("gsf")).initial_state(2)
    for wrong in (other, {}, {**state, "more": tf.zeros((2, 1))}, dict(list(state.items())[1:])):
        with pytest.raises(ValueError, match="`state` must be what `initial_state` or `step`"):
            stream.step(clips(2), wrong)
    with pytest.raises(ValueError, match="`streams` must be 2 truth values"):
        stream.reset(state, [1, 0])


def expected_consensus(logits, kind, frames):
    """The mean over the frames up to each one, from its definition."""
    means = []
    for k in range(len(logits)):
        past = logits[: k + 1].astype("float64")
        if kind == "window":
            past = past[-frames:]
        decay = (frames - 1) / (frames + 1) if kind == "exponential" else 1.0
        means.append(np.average(past, axis=0, weights=decay ** np.arange(len(past))[::-1]))
    return np.stack(means)


@pytest.mark.parametrize(
    ("kind", "frames"),
    exhaustive.cases(
        [("mean", None), ("window", 3), ("window", 1), ("exponential", 3)],
        lambda case: case[1] != 1,
    ),
)
def test_consensus(kind, frames, model_of_two_streams):
    """Over the frames of a stream, up to its flush; each stream has its own, which a reset ends."""
    model, clip, single = model_of_two_streams
    stream = StreamingModel(model, consensus=kind, consensus_frames=frames)
    state = stream.initial_state(2)
    for k in range(5):
        _, state = stream.step(clip[:, k], state)
    state = stream.reset(state, [False, True])
    again, state = run(stream, clip[:, 5:], state)
    wait = stream.look_ahead
    assert_close(again[0], expected_consensus(single[0], kind, frames)[-again.shape[1] :])
    assert np.isnan(again[1, :wait]).all()
    assert_close(again[1, wait:], expected_consensus(single[1], kind, frames))
    assert all(x.shape.rank <= 4 and not np.any(x) for x in state.values())


@pytest.fixture(scope="module")
def model_of_two_streams():
    """A model, frames of two streams and their logits; the second begins 5 frames later."""
    model, clip = build("tsm"), clips(2, 9)
    stream = StreamingModel(model)
    first, _ = run(stream, clip[:1], stream.initial_state())
    second, _ = run(stream, clip[1:, 5:], stream.initial_state())
    wait = stream.look_ahead
    return model, clip, (first[0, wait:], second[0, wait:])


def test_shifts_that_change_later_do_not_change_the_state():
    model = build("rubiksnet")
    stream = StreamingModel(model)
    before = stream.look_ahead, {k: x.shape[1:] for k, x in stream.initial_state().items()}
    for layer in model.backbone.layers:
        if isinstance(layer, RubiksShift3D):
            layer.shift.assign(3 * layer.shift)
    _, state = stream.step(clips(2), stream.initial_state(2))
    assert (stream.look_ahead, {name: x.shape[1:] for name, x in state.items()}) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"consensus": "median"}, "`consensus` must be None or one of mean, window, exponential"),
        ({"consensus": "window"}, r"`consensus_frames` must be an integer in 1..2\*\*20"),
        ({"consensus": "window", "consensus_frames": 0}, "Received: consensus_frames=0"),
        ({"consensus": "exponential", "consensus_frames": True}, "consensus_frames=True"),
        ({"consensus": "mean", "consensus_frames": 4}, "belongs to the consensus 'window' or"),
        ({"consensus_frames": 4}, "for consensus=None. Leave it out"),
    ],
)
def test_errors_of_the_consensus(arguments, message):
    with pytest.raises(ValueError, match=message):
        StreamingModel(from_preset("tsn_resnet14thin", 3, T, (SIZE, SIZE, 3)), **arguments)
