import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.mixing import cut_mix, mix, mix_up

BATCH = 5


@pytest.fixture(scope="module")
def batch():
    clips = np.random.default_rng(0).integers(0, 256, [BATCH, 2, 12, 16, 3], np.uint8)
    return clips, np.eye(BATCH, dtype=np.float32)


def shares_of(labels):
    """Each clip has a class of its own, so labels tell the shares."""
    own, others = np.diag(labels), np.diag(np.roll(labels, -1, axis=1))
    np.testing.assert_allclose(own + others, 1, atol=1e-6)
    np.testing.assert_allclose(np.sum(labels, axis=1), 1, atol=1e-6)
    return own


def test_mix_up_blends_pixels_and_labels_alike(batch):
    clips, labels = batch
    mixed, mixed_labels = mix_up(clips, labels, 1.0, [3, 4])
    assert mixed.dtype == tf.uint8
    share = shares_of(mixed_labels).reshape(-1, 1, 1, 1, 1).astype(np.float64)
    expected = share * clips + (1 - share) * np.roll(clips, -1, axis=0)
    np.testing.assert_allclose(mixed, expected, atol=0.501)
    assert len(set(share.ravel())) == BATCH


def test_cut_mix_takes_every_pixel_from_one_of_the_two(batch):
    clips, labels = batch
    following = np.roll(clips, -1, axis=0)
    for seed in range(20):
        mixed, mixed_labels = cut_mix(clips, labels, 1.0, [seed, 0])
        own = (mixed.numpy() == clips).all(-1)
        other = (mixed.numpy() == following).all(-1)
        assert (own | other).all()
        np.testing.assert_allclose(shares_of(mixed_labels), own.mean(axis=(1, 2, 3)), atol=1e-6)
        for inside in ~own:
            assert (inside == inside[:1]).all(), "the frames of a clip differ"
            rows, columns = inside[0].any(1), inside[0].any(0)
            np.testing.assert_array_equal(inside[0], rows[:, None] & columns)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_are_beta_distributed(alpha):
    many = 4000
    clips = tf.zeros([many, 1, 1, 1, 3], tf.uint8)
    # The first half of the classes is one clip, the other its neighbor.
    labels = tf.one_hot(tf.range(many) % 2, 2)
    share = mix_up(clips, labels, alpha, [1, 2])[1].numpy()[np.arange(many), np.arange(many) % 2]
    deviation = np.sqrt(1 / (4 * (2 * alpha + 1)))
    assert abs(share.mean() - 0.5) < 5 * deviation / np.sqrt(many)
    assert abs(share.std() - deviation) < 0.015
    assert share.min() >= 0 and share.max() <= 1


def test_the_seed_decides_between_both_ways(batch):
    clips, labels = batch
    following = np.roll(clips, -1, axis=0)
    kinds = set()
    for seed in range(12):
        mixed, _ = mix(clips, labels, 1.0, 1.0, [seed, 0])
        cut = ((mixed.numpy() == clips) | (mixed.numpy() == following)).all()
        kinds.add(bool(cut))
        np.testing.assert_array_equal(mixed, mix(clips, labels, 1.0, 1.0, [seed, 0])[0])
    assert kinds == {True, False}
