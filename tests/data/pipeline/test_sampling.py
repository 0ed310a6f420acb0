import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data.pipeline import sampling


@pytest.mark.parametrize(
    "num_frames, num_segments, expected",
    [
        (8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (80, 8, [5, 15, 25, 35, 45, 55, 65, 75]),
        (50, 8, [3, 9, 15, 21, 28, 34, 40, 46]),
        (10, 3, [1, 5, 8]),
        (3, 8, [0, 0, 0, 1, 1, 2, 2, 2]),
        (1, 4, [0, 0, 0, 0]),
    ],
)
def test_middle_of_each_segment_by_hand(num_frames, num_segments, expected):
    np.testing.assert_array_equal(sampling.test_segment_indices(num_frames, num_segments), expected)


def test_middle_of_each_segment_brute_force():
    for num_segments in (1, 3, 7, 8, 16, 64):
        indices = tf.function(sampling.test_segment_indices)
        for num_frames in range(1, 200):
            tick = num_frames / num_segments
            expected = [int(tick / 2 + tick * i) for i in range(num_segments)]
            actual = indices(tf.constant(num_frames), num_segments).numpy()
            assert actual.tolist() == expected, (num_frames, num_segments)
            assert 0 <= min(expected) and max(expected) < num_frames


def test_double_precision_is_that_of_python():
    # Cases in which exact arithmetic gives another frame.
    differing = [
        (frames, segments)
        for segments in range(1, 65)
        for frames in range(1, 400)
        if [int(frames / segments / 2 + frames / segments * i) for i in range(segments)]
        != [frames * (2 * i + 1) // (2 * segments) for i in range(segments)]
    ]
    assert differing
    for frames, segments in differing[:10]:
        tick = frames / segments
        expected = [int(tick / 2 + tick * i) for i in range(segments)]
        np.testing.assert_array_equal(sampling.test_segment_indices(frames, segments), expected)
        (in_graph,) = tf.data.Dataset.from_tensors(frames).map(
            lambda frames, segments=segments: sampling.test_segment_indices(frames, segments)
        )
        np.testing.assert_array_equal(in_graph, expected)


@pytest.mark.parametrize("num_frames, num_segments", [(8, 8), (50, 8), (23, 4), (300, 16)])
def test_random_segments(num_frames, num_segments):
    average = num_frames // num_segments
    draws = np.stack(
        [sampling.train_segment_indices(num_frames, num_segments, [s, 1]) for s in range(200)]
    )
    offsets = draws - np.arange(num_segments) * average
    assert offsets.min() == 0 and offsets.max() == average - 1
    for segment in offsets.T:
        assert set(segment.tolist()) == set(range(average))
    if average > 1:
        assert np.corrcoef(offsets[:, 0], offsets[:, 1])[0, 1] < 0.3
    again = sampling.train_segment_indices(num_frames, num_segments, [7, 1])
    np.testing.assert_array_equal(again, draws[7])


def test_short_video_follows_the_test_rule():
    np.testing.assert_array_equal(
        sampling.train_segment_indices(3, 8, [0, 0]), sampling.test_segment_indices(3, 8)
    )


@pytest.mark.parametrize(
    "num_frames, num_segments, num_clips, expected",
    [
        (40, 4, 2, [[0, 10, 20, 30], [5, 15, 25, 35]]),
        (50, 8, 2, [[0, 6, 12, 18, 25, 31, 37, 43], [3, 9, 15, 21, 28, 34, 40, 46]]),
        (40, 4, 5, [[0, 10, 20, 30], [2, 12, 22, 32], [4, 14, 24, 34], [6, 16, 26, 36],
                    [8, 18, 28, 38]]),
        (3, 4, 2, [[0, 0, 1, 2], [0, 1, 1, 2]]),
        (10, 3, 1, [[1, 5, 8]]),
    ],
)  # fmt: skip
def test_several_clips_by_hand(num_frames, num_segments, num_clips, expected):
    actual = sampling.spread_segment_indices(num_frames, num_segments, num_clips)
    np.testing.assert_array_equal(actual, expected)


def test_two_clips_are_those_of_the_papers():
    for num_segments in (1, 3, 8, 16):
        for num_frames in range(1, 150):
            tick = num_frames / num_segments
            expected = [
                [int(tick * i) for i in range(num_segments)],
                [int(tick * i + tick / 2) for i in range(num_segments)],
            ]
            actual = sampling.spread_segment_indices(num_frames, num_segments, 2)
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    "num_frames, num_segments, num_clips, stride, expected",
    [
        (100, 8, 3, None, [[8 * i + start for i in range(8)] for start in (0, 18, 36)]),
        (100, 8, 1, None, [[8 * i + 18 for i in range(8)]]),
        (64, 8, 2, None, [[8 * i for i in range(8)]] * 2),
        (20, 8, 2, None, [[0, 8, 16, 4, 12, 0, 8, 16]] * 2),
        (30, 4, 2, 5, [[0, 5, 10, 15], [10, 15, 20, 25]]),
        (3, 4, 1, 1, [[0, 1, 2, 0]]),
    ],
)
def test_dense_windows_by_hand(num_frames, num_segments, num_clips, stride, expected):
    actual = sampling.test_dense_indices(num_frames, num_segments, num_clips, stride)
    np.testing.assert_array_equal(actual, expected)


def test_ten_dense_starts_are_evenly_spaced():
    for num_frames in (1, 64, 65, 70, 200, 301):
        starts = sampling.test_dense_indices(num_frames, 8)[:, 0].numpy()
        last = max(num_frames - 64, 0)
        np.testing.assert_allclose(starts, np.linspace(0, last, 10), atol=1)
        assert starts[0] == 0 and starts[-1] == last


@pytest.mark.parametrize("num_frames, stride, last", [(70, None, 6), (40, 4, 8), (10, None, 0)])
def test_random_dense_windows(num_frames, stride, last):
    draws = np.stack(
        [sampling.train_dense_indices(num_frames, 8, [s, 1], stride) for s in range(150)]
    )
    assert set(draws[:, 0].tolist()) == set(range(last + 1))
    frames = draws[:, :1] + np.arange(8) * (stride or 8)
    np.testing.assert_array_equal(draws, frames % num_frames)


@pytest.mark.parametrize("rule", ["train", "test"])
def test_in_a_graph_equals_eager(rule):
    def indices(num_frames):
        if rule == "train":
            return sampling.train_segment_indices(num_frames, 8, [3, 4])
        return sampling.test_segment_indices(num_frames, 8)

    lengths = [1, 5, 8, 9, 100]
    in_graph = tf.data.Dataset.from_tensor_slices(lengths).map(indices)
    for length, actual in zip(lengths, in_graph, strict=True):
        np.testing.assert_array_equal(actual, indices(length))


def test_no_frames():
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least 1"):
        sampling.test_segment_indices(0, 8)
