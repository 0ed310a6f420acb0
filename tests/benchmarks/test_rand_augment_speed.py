import tensorflow as tf

from benchmarks.rand_augment_speed import measure


def test_every_operation_and_what_is_drawn_is_measured():
    frames = tf.zeros([2, 8, 8, 3], tf.uint8)
    found = measure("authors", frames, 1, ("invert", "shear_x"))
    assert list(found) == ["invert", "shear_x, bilinear", "shear_x, bicubic", "as drawn"]
    assert all(value > 0 for value in found.values())
