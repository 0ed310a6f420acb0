import colorsys

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.color_jitter import color_jitter


@pytest.fixture(scope="module")
def clip():
    return np.random.default_rng(0).integers(40, 200, [2, 8, 10, 3], np.uint8)


def test_brightness_is_one_factor(clip):
    factors = []
    for seed in range(30):
        result = color_jitter(tf.constant(clip), (0.2, 0, 0, 0), [seed, 1]).numpy()
        factors.append(result.astype(float).sum() / clip.astype(float).sum())
        np.testing.assert_allclose(result, clip * factors[-1], atol=1.0)
    assert 0.8 <= min(factors) < 0.87 and 1.13 < max(factors) <= 1.2


def test_contrast_keeps_the_mean_of_each_channel(clip):
    result = color_jitter(tf.constant(clip), (0, 0.2, 0, 0), [3, 1]).numpy().astype(float)
    mean = clip.mean(axis=(1, 2), keepdims=True)
    factor = np.std(result - mean) / np.std(clip - mean)
    assert 0.8 <= factor <= 1.2 and abs(factor - 1) > 0.01
    np.testing.assert_allclose(result, (clip - mean) * factor + mean, atol=1.1)


def test_saturation_and_hue_are_those_of_colorsys(clip):
    jittered = color_jitter(tf.constant(clip), (0, 0, 0.3, 0.1), [5, 1]).numpy()
    scale, turn = [], []
    for before, after in zip(clip.reshape(-1, 3), jittered.reshape(-1, 3), strict=True):
        old, new = colorsys.rgb_to_hsv(*before / 255), colorsys.rgb_to_hsv(*after / 255)
        assert abs(old[2] - new[2]) < 0.005
        if old[1] > 0.4 and new[1] < 0.9:
            scale.append(new[1] / old[1])
            turn.append((new[0] - old[0] + 0.5) % 1 - 0.5)
    assert len(scale) > 20
    np.testing.assert_allclose(scale, np.median(scale), atol=0.03)
    np.testing.assert_allclose(turn, np.median(turn), atol=0.02)
    assert abs(np.median(scale) - 1) > 0.01 and 0.01 < abs(np.median(turn)) <= 0.1


def test_gray_has_neither_saturation_nor_hue():
    gray = np.full([1, 4, 4, 3], 90, np.uint8)
    np.testing.assert_array_equal(color_jitter(tf.constant(gray), (0, 0, 1, 0.5), [1, 1]), gray)
