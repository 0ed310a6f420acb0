"""What happens to a clip before the backbone: folding and normalization; and after: consensus."""

import numpy as np
import pytest

from gsf_tf.layers import ClipNormalization, FoldSegments, SegmentConsensus
from tests.layers.layer_test import run_layer_test

IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}


def test_segments_fold_into_the_batch_in_order():
    clip = np.arange(2 * 3 * 4 * 5 * 3, dtype="float32").reshape(2, 3, 4, 5, 3)
    np.testing.assert_array_equal(FoldSegments()(clip), clip.reshape(6, 4, 5, 3))


def test_fold_segments_layer_checks(tmp_path):
    run_layer_test(FoldSegments, {}, (2, 3, 4, 5, 3), (6, 4, 5, 3), tmp_path)


def test_fold_segments_names_the_shape_of_a_clip():
    with pytest.raises(ValueError, match=r"num_segments, height, width, channels.*\(8, 4, 5, 3\)"):
        FoldSegments()(np.zeros((8, 4, 5, 3), "float32"))


def test_normalization_of_uint8_and_float():
    pixels = np.array([[[[0, 128, 255], [10, 20, 30]]]], "uint8")
    expected = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    layer = ClipNormalization(**IMAGENET)
    np.testing.assert_allclose(layer(pixels), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(layer(pixels.astype("float32")), expected, rtol=1e-5, atol=1e-5)


def test_bgr_has_its_numbers_in_its_own_order():
    layer = ClipNormalization([104, 117, 128], [1, 1, 1], channel_order="bgr")
    np.testing.assert_array_equal(layer(np.array([[1.0, 2.0, 3.0]])), [[3 - 104, 2 - 117, 1 - 128]])


def test_float_input_is_neither_clipped_nor_rounded_under_mixed_precision():
    layer = ClipNormalization([0, 0, 0], [1000, 1000, 1000], dtype="mixed_bfloat16")
    ours = np.asarray(layer(np.array([[200.3, -7.0, 300.0]], "float32")), "float32")
    np.testing.assert_allclose(ours, [[0.2003, -0.007, 0.3]], rtol=2**-8)


def test_normalization_layer_checks(tmp_path):
    kwargs = {**IMAGENET, "channel_order": "bgr"}
    run_layer_test(ClipNormalization, kwargs, (2, 4, 5, 3), (2, 4, 5, 3), tmp_path)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mean": [1, 2], "std": [1, 1, 1]}, "three numbers"),
        ({"mean": [1, 2, 3], "std": [1, 0, 1]}, "positive"),
        ({"mean": [1, 2, 3], "std": [1, 1, 1], "channel_order": "grb"}, "'rgb' or 'bgr'.*grb"),
    ],
)
def test_bad_normalization(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ClipNormalization(**kwargs)


def test_consensus_is_the_mean_over_a_clips_frames():
    scores = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    expected = scores.reshape(2, 3, 4).mean(1)
    np.testing.assert_allclose(SegmentConsensus(3)(scores), expected, rtol=1e-6)


def test_consensus_is_float32_under_mixed_precision():
    layer = SegmentConsensus(2, dtype="mixed_float16")
    assert layer(np.ones((4, 3), "float16")).dtype == "float32"


def test_consensus_layer_checks(tmp_path):
    run_layer_test(SegmentConsensus, {"num_segments": 4}, (8, 5), (2, 5), tmp_path)


def test_consensus_takes_one_row_per_frame():
    with pytest.raises(ValueError, match=r"num_segments, classes.*\(8, 7, 7, 5\)"):
        SegmentConsensus(4)(np.zeros((8, 7, 7, 5), "float32"))
