"""Videos through a model: several views, batches, features, errors, and decoding beside it."""

import itertools
import multiprocessing
import threading

import numpy as np
import pytest

import gsf_tf
from gsf_tf.data import LabelMap, frames_to_clip
from gsf_tf.errors import UserError, VideoError
from gsf_tf.evaluation.decoding_pool import DecodingPool
from gsf_tf.models import from_preset
from tests.data.video_maker import make_video

LABELS = LabelMap(["down", "left", "up"])
VIEWS = {"num_clips": 2, "num_crops": 3}


@pytest.fixture(scope="module")
def model():
    model = from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return [make_video(folder / f"{n}.mp4", 6 + n, width=64 + 16 * n) for n in range(3)]


def test_every_video_gets_the_mean_of_its_views(model, videos, tmp_path):
    """Steps of four views, which are of one, two or three videos with six views each."""
    asked = [videos[0], tmp_path / "missing.mp4", *videos[1:]]
    predictor = gsf_tf.Predictor(model, LABELS, **VIEWS, batch_size=4, decoders=2)
    rows = list(predictor.predict(asked, features=True))
    assert [row.video for row in rows] == asked
    weights, bias = (variable.numpy() for variable in model.get_layer("classifier").weights)
    for row in rows:
        if row.video not in videos:
            assert isinstance(row.error, VideoError) and row.features is None
            with pytest.raises(VideoError, match="missing"):
                row.top(1)
            continue
        views = frames_to_clip(row.video, 2, (32, 32), short_side=36, **VIEWS)
        expected = model(views, training=False).numpy().mean(axis=0)
        np.testing.assert_allclose(row.logits, expected, rtol=1e-4, atol=1e-5)
        # The classifier is linear, so it gives the mean logits for the mean of the vectors.
        np.testing.assert_allclose(row.features @ weights + bias, expected, rtol=1e-3, atol=1e-4)
        powers = np.exp(expected - expected.max())
        np.testing.assert_allclose(row.probabilities, powers / powers.sum(), atol=1e-5)
        assert row.top(1)[0][0] == LABELS[int(np.argmax(expected))]
    # Neither the order nor the other videos change a bit.
    again = {row.video: row.logits for row in predictor.predict(videos[::-1], features=True)}
    for row in rows:
        assert row.error or np.array_equal(row.logits, again[row.video])
    assert np.array_equal(predictor.features(videos[0]), rows[0].features)


def test_frames_in_memory_and_videos_without_end(model, videos):
    predictor = gsf_tf.Predictor(model, LABELS)
    frames = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), np.uint8)
    clip = frames_to_clip(frames, 2, (32, 32))[None]
    expected = model(clip, training=False).numpy()[0]
    endless = itertools.chain([frames], itertools.cycle(videos))
    first, second = itertools.islice(predictor.predict(endless), 2)
    np.testing.assert_allclose(first.logits, expected, rtol=1e-4, atol=1e-5)
    assert second.video == videos[0] and second.error is None
    with pytest.raises(ValueError, match="uint8 frames"):
        predictor.top(frames.astype(np.float32))


def test_views_are_read_and_classified_apart(model, videos, tmp_path):
    """Six views in steps of four, as one call of `predict` would do it."""
    predictor = gsf_tf.Predictor(model, LABELS, **VIEWS, batch_size=4)
    views = predictor.read_views(videos[1])
    expected = frames_to_clip(videos[1], 2, (32, 32), short_side=36, **VIEWS)
    np.testing.assert_array_equal(views, expected)
    (row,) = predictor.predict([videos[1]])
    np.testing.assert_array_equal(predictor.classify_views(views).logits, row.logits)
    with pytest.raises(VideoError, match="missing"):
        predictor.read_views(tmp_path / "missing.mp4")
    for wrong in (views[:1], views.astype(np.float32), views[0]):
        with pytest.raises(ValueError, match=r"uint8 \[6, 2, 32, 32, 3\]"):
            predictor.classify_views(wrong)


def test_weights_that_are_no_numbers_are_errors_of_every_row(model, videos):
    broken = from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    broken.get_layer("classifier").bias.assign([0.0, np.nan, 0.0])
    (row,) = gsf_tf.Predictor(broken, LABELS).predict(videos[:1])
    assert "Logits must be finite" in str(row.error)


@pytest.mark.parametrize("name", ["num_clips", "num_crops", "batch_size", "decoders"])
@pytest.mark.parametrize("value", [0, 1.5, True])
def test_numbers_that_are_none(model, name, value):
    with pytest.raises(UserError, match=f"`{name}` must be a whole number >= 1"):
        gsf_tf.Predictor(model, LABELS, **{name: value})


# ---- Decoding beside the model -------------------------------------------------------------------


def test_the_pool_reads_ahead_within_bounds_and_keeps_the_order():
    taken, both = [], threading.Barrier(2, timeout=30)

    def videos():
        for number in range(20):
            taken.append(number)
            yield number

    def make_clip(video, process):
        assert process is None
        if video < 2:
            both.wait()  # Two are decoded at once, or this fails.
        if video == 3:
            raise VideoError("3", "it is damaged")
        return 10 * video

    pool = DecodingPool(2, isolated=False)
    decoded = pool.map(make_clip, videos())
    assert next(decoded) == (0, 0)
    assert len(taken) <= 5
    rest = dict(decoded)
    assert [video for video in rest] == list(range(1, 20))
    assert isinstance(rest.pop(3), VideoError) and all(10 * v == clip for v, clip in rest.items())
    pool.close()


def test_something_else_is_done_while_the_first_videos_are_decoded():
    done = []

    def make_clip(video, process):
        started.set()
        assert go_on.wait(30)
        return video

    def meanwhile():
        done.append(started.wait(30))
        go_on.set()

    started, go_on = threading.Event(), threading.Event()
    pool = DecodingPool(1, isolated=False)
    assert list(pool.map(make_clip, ["a", "b"], meanwhile)) == [("a", "a"), ("b", "b")]
    assert list(pool.map(make_clip, [], meanwhile)) == [] and done == [True]
    pool.close()


def test_a_bug_is_no_error_of_a_video():
    def make_clip(video, process):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(DecodingPool(1, isolated=False).map(make_clip, ["a"]))


def test_what_nobody_waits_for_is_given_up(videos):
    """Processes that decode are ended when the iteration ends, and start again when needed."""

    def make_clip(video, process):
        return process.read_sampled_frames(video, lambda frames: [0])

    before = set(multiprocessing.active_children())
    pool = DecodingPool(1, isolated=True)
    for _ in range(2):
        decoded = pool.map(make_clip, videos * 3)
        assert next(decoded)[1].shape[0] == 1
        decoded.close()
    pool.close()
    assert set(multiprocessing.active_children()) == before


def test_closing_gives_up_a_video_that_another_thread_decodes(videos):
    asked, go_on = threading.Event(), threading.Event()

    def choose(frames):
        asked.set()
        go_on.wait(30)
        return [0]

    def make_clip(video, process):
        return process.read_sampled_frames(video, choose)

    pool, found = DecodingPool(1, isolated=True), []
    reader = threading.Thread(target=lambda: found.extend(pool.map(make_clip, videos[:1])))
    reader.start()
    assert asked.wait(30)
    threading.Timer(0.5, go_on.set).start()
    pool.close()
    reader.join(30)
    ((_, error),) = found
    assert isinstance(error, VideoError) and "died" in str(error)
