import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from gsf_tf.data.pipeline.augmentation.rand_augment import VARIANTS, RandAugment

CLIP = np.random.default_rng(0).integers(30, 220, [2, 20, 20, 3], np.uint8)


@pytest.fixture(scope="module")
def outcomes():
    """What the strongest single operation of keras-cv makes of a clip."""
    # The model's precision must not be that of the pixels.
    keras.config.set_dtype_policy("mixed_bfloat16")
    augment = RandAugment(10.0, 0.0, 1, "keras_cv")
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
        augment = RandAugment(magnitude, 0.0, 2, "keras_cv")
        run = tf.function(lambda seed: augment(tf.constant(CLIP), seed))
        results = [run(tf.constant([seed, 1])).numpy().astype(int) for seed in range(40)]
        changes = [np.abs(result - CLIP).mean() for result in results]
        return np.mean(changes)

    assert mean_change(1.0) < mean_change(9.0)


@pytest.mark.parametrize("variant, count", [("authors", 15), ("keras_cv", 12)])
def test_the_names_of_a_variant_are_those_of_its_operations(variant, count):
    names = VARIANTS[variant].names
    assert sorted(names) == sorted(VARIANTS[variant].operations()) and len(names) == count


def drawing(clip, *arguments):
    augment = RandAugment(*arguments)
    run = tf.function(lambda seed: augment(tf.constant(clip), seed), autograph=False)
    return lambda seeds: [run(tf.constant([seed, 7])).numpy() for seed in range(seeds)]


@pytest.fixture(scope="module")
def authors_draws():
    """Two operations of the authors' variant on a clip that stands still."""
    return drawing(np.repeat(CLIP[:1], 3, axis=0), 9.0, 0.5, 2, "authors")


@pytest.fixture(scope="module")
def authors_outcomes(authors_draws):
    return authors_draws(300)


def test_all_frames_of_a_clip_have_the_same_draws(authors_outcomes):
    for result in authors_outcomes:
        np.testing.assert_array_equal(result, np.broadcast_to(result[:1], result.shape))
    # Most pairs of operations with their signs, interpolations and magnitudes differ.
    assert len({result.tobytes() for result in authors_outcomes}) > 150


def test_a_quarter_of_the_clips_is_left_alone(authors_outcomes):
    share = np.mean([(result == CLIP[0]).all() for result in authors_outcomes])
    # Neither of two operations, each with probability 1/2; both may be without effect.
    assert 0.18 < share < 0.34


def test_the_magnitude_is_normal_and_cut_off_at_10():
    gray = np.full([1, 4, 4, 3], 100, np.uint8)
    draw = drawing(gray, 9.0, 0.5, 1, "authors", ["brightness"])
    levels = [int(result[0, 0, 0, 0]) for result in draw(400)]
    applied = np.array([level for level in levels if level != 100])
    assert 160 < len(applied) < 240
    magnitudes = (applied / 100 - 0.1) / 0.18
    # A unit of value is 0.06 of magnitude, cut off downwards: 9 - 0.03 on average.
    assert abs(magnitudes.mean() - 8.95) < 0.1 and 0.4 < magnitudes.std() < 0.55
    assert magnitudes.max() < 10.01 and magnitudes.min() < 8.2
    cut_off = drawing(gray, 9.9, 2.0, 1, "authors", ["brightness"])(60)
    assert np.mean([result[0, 0, 0, 0] in (189, 190) for result in cut_off]) > 0.15


def test_signs_and_interpolations_are_drawn():
    """By a step in the middle, where the interpolations differ."""
    step = np.zeros([1, 4, 40, 3], np.uint8)
    step[:, :, 20:] = 200
    results = drawing(step, 9.1, 0.0, 1, "authors", ["translate_x"])(200)
    kinds = {}
    for result in results:
        kinds[result.tobytes()] = kinds.get(result.tobytes(), 0) + 1
    nothing = kinds.pop(step.tobytes())
    assert 75 < nothing < 125
    # Two signs, each with two interpolations.
    assert len(kinds) == 4 and min(kinds.values()) > 10


def test_the_same_seed_draws_the_same(authors_draws, authors_outcomes):
    np.testing.assert_array_equal(authors_draws(10), authors_outcomes[:10])
