import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.random_erasing import AREA, ASPECT, random_erasing

CLIP = np.random.default_rng(0).integers(0, 256, [3, 60, 80, 3], np.uint8)
CLIP[1:] = CLIP[:1]


def erased(probability, seeds):
    run = tf.function(lambda seed: random_erasing(tf.constant(CLIP), probability, seed))
    return [run(tf.constant([seed, 2])).numpy() for seed in seeds]


def test_a_rectangle_of_noise_at_the_same_place_in_all_frames():
    areas, corners = [], set()
    for result in erased(1.0, range(60)):
        np.testing.assert_array_equal(result, np.broadcast_to(result[:1], result.shape))
        # A pixel of noise is the old one only by chance, in one of 16 million cases.
        inside = (result[0] != CLIP[0]).any(-1)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert inside.sum() == height * width == len(rows) * len(columns)
        areas.append(height * width / (60 * 80))
        corners.add((rows[0], columns[0]))
        if height < 60 and width < 80:
            assert ASPECT[0] * 0.85 < height / width < ASPECT[1] * 1.15
        noise = result[0][inside].astype(float)
        if noise.size > 300:
            assert abs(noise.mean() - 127.5) < 20 and noise.std() > 60
    assert AREA[0] * 0.8 < min(areas) < 0.1 and 0.25 < max(areas) < AREA[1] * 1.1
    assert len(corners) > 40


def test_probability():
    changed = [bool((result != CLIP).any()) for result in erased(0.25, range(200))]
    assert 25 < sum(changed) < 75
