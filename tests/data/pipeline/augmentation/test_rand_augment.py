import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from gsf_tf.data.pipeline.augmentation.rand_augment import RandAugment

CLIP = np.random.default_rng(0).integers(30, 220, [2, 20, 20, 3], np.uint8)


@pytest.fixture(scope="module")
def outcomes():
    """What the strongest single operation makes of a clip."""
    # The model's precision must not be that of the pixels.
    keras.config.set_dtype_policy("mixed_bfloat16")
    augment = RandAugment(10.0, 0.0, 1)
    keras.config.set_dtype_policy("float32")
    run = tf.function(lambda seed: augment(tf.constant(CLIP), seed))
    return [run(tf.constant([seed, 7])).numpy() for seed in range(600)]


def shifted(rows, columns):
    result = np.full_like(CLIP, 128)
    source = CLIP[:, max(-rows, 0) : 20 - max(rows, 0), max(-columns, 0) : 20 - max(columns, 0)]
    top, left = max(rows, 0), max(columns, 0)
    result[:, top : top + source.shape[1], left : left + source.shape[2]] = source
    return result


def by_pil(operation):
    return np.stack([np.asarray(operation(Image.fromarray(frame))) for frame in CLIP])


def blended(factor):
    weights = np.array([0.2989, 0.587, 0.114])
    gray = (CLIP @ weights)[..., None]
    return np.clip(CLIP + factor * (gray - CLIP), 0, 255)


def stretched(factor):
    mean = CLIP.mean(axis=(1, 2), keepdims=True)
    return np.clip((CLIP - mean) * factor + mean, 0, 255)


EXPECTED = {
    "nothing": CLIP,
    "solarize": 255 - CLIP,
    "auto-contrast": by_pil(ImageOps.autocontrast),
    "brighter": np.minimum(CLIP + 102.0, 255),
    "darker": np.maximum(CLIP - 102.0, 0),
    "less color": blended(0.9),
    "more color": blended(-0.9),
    "more contrast": stretched(1.9),
    "less contrast": stretched(0.1),
    "down": shifted(9, 0),
    "up": shifted(-9, 0),
    "right": shifted(0, 9),
    "left": shifted(0, -9),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_operation_occurs(outcomes, name):
    assert any(np.abs(result - EXPECTED[name].astype(float)).max() <= 1 for result in outcomes)


def test_half_of_the_draws_change_nothing(outcomes):
    share = np.mean([(result == CLIP).all() for result in outcomes])
    assert 0.42 < share < 0.58
    # Rotation, both shears, sharpness, equalization and those above, most with two signs.
    assert len({result.tobytes() for result in outcomes}) == 22


def test_strength_follows_the_magnitude():
    def mean_change(magnitude):
        augment = RandAugment(magnitude, 0.0, 2)
        run = tf.function(lambda seed: augment(tf.constant(CLIP), seed))
        results = [run(tf.constant([seed, 1])).numpy().astype(int) for seed in range(40)]
        changes = [np.abs(result - CLIP).mean() for result in results]
        return np.mean(changes)

    assert mean_change(1.0) < mean_change(9.0)
