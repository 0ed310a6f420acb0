"""Sizes that no machine has: an error before a shape or an array is made of them."""

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.ops import library
from gsf_tf.ops.sizes import MAX_FRAME_PIXELS
from tests.ops.test_crops import encode, random_frames, smooth_frames

ABSURD_IMAGE_SIZES = [
    (2**31, 2**31), (2**31 - 1, 2**31 - 1), (2**63, 1), (1, 2**63 - 1), (2**32, 2**32),
    (1, MAX_FRAME_PIXELS + 1), (5793, 5793), (2**20, 2**20), (-1, 4), (0, 4), (-(2**63), -1),
]  # fmt: skip


def crops_of(op, image_size):
    frames = smooth_frames(1, 8, 8)
    if op == "scale_crops":
        return ops.scale_crops(frames, [[0, 0, 8, 8]], image_size)
    return ops.decode_crops([encode(frames[0])], [8, 8], [[0, 0, 8, 8]], image_size)


@pytest.mark.parametrize("image_size", ABSURD_IMAGE_SIZES)
@pytest.mark.parametrize("op", ["scale_crops", "decode_crops"])
def test_absurd_image_sizes(ops_path, op, image_size):
    with pytest.raises(ValueError, match=r"image_size must be .*Received: image_size=\("):
        crops_of(op, image_size)


@pytest.mark.parametrize("image_size", [(4.5, 4), (float("nan"), 4), (float("inf"), 4), ("4", 4)])
def test_image_sizes_that_are_no_numbers(ops_path, image_size):
    with pytest.raises(ValueError, match="image_size must be"):
        crops_of("scale_crops", image_size)


@pytest.mark.parametrize(
    "image_size",
    [size for size in ABSURD_IMAGE_SIZES if max(size) < 2**63],  # as an attribute
)
@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_absurd_image_sizes_of_the_raw_ops(ops_path, image_size):
    frames, box = smooth_frames(1, 8, 8), [[0, 0, 8, 8]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="image_size must be.*Received"):
        library.raw_op("scale_crops")(frames, box, image_size=image_size)
    with pytest.raises(tf.errors.InvalidArgumentError, match="image_size must be.*Received"):
        library.raw_op("decode_crops")([encode(frames[0])], [8, 8], box, image_size=image_size)


@pytest.mark.parametrize("frame_size", [(2**31 - 1, 2**31 - 1), (5793, 5793), (0, 8), (-8, -8)])
def test_absurd_frame_sizes(ops_path, frame_size):
    """The size, and boxes in it, would decide how much memory a frame gets."""
    box = [0, 0, max(frame_size[0], 1), max(frame_size[1], 1)]
    with pytest.raises(tf.errors.InvalidArgumentError, match="frame_size must be"):
        ops.decode_crops([encode(smooth_frames(1, 8, 8)[0])], frame_size, [box], (4, 4))


def test_a_large_frame_that_the_file_does_not_have(ops_path):
    jpeg = encode(smooth_frames(1, 8, 8)[0])
    crops, good = ops.decode_crops([jpeg], [1, 2**25], [[0, 0, 1, 2**25]], (1, 2))
    assert not good and not crops.numpy().any()


@pytest.mark.parametrize("width, image_width", [(2**23 + 3, 5), (2**24 + 5, 7)])
def test_long_frames_have_the_pixels_of_tensorflow(width, image_width):
    frames = np.zeros([1, 1, width, 3], np.uint8)
    frames[0, 0, ::7] = 255
    expected = tf.round(tf.image.resize(frames, (1, image_width), antialias=True))
    with ops.use_implementation("compiled"):
        actual = ops.scale_crops(frames, [[0, 0, 1, width]], (1, image_width))
    np.testing.assert_array_equal(actual[0], tf.cast(expected, tf.uint8))


def test_a_long_frame_of_the_size_asked_for_stays(ops_path):
    frames = random_frames(1, 1, 2**24 + 5)
    crops = ops.scale_crops(frames, [[0, 0, *frames.shape[1:3]]], frames.shape[1:3])
    np.testing.assert_array_equal(crops[0], frames)


def test_where_float32_has_no_position_both_paths_fail(ops_path):
    frames = tf.zeros([1, 1, 2**24 + 5, 3], tf.uint8)
    with pytest.raises(tf.errors.InternalError):
        ops.scale_crops(frames, [[0, 0, 1, 2**24 + 5]], (1, (2**24 + 5) // 3))


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_boxes_of_many_sizes_share_a_limit_of_memory(ops_path):
    width = 2**20
    boxes = [[0, 0, 1, width - n] for n in range(100)]
    with pytest.raises(tf.errors.ResourceExhaustedError, match="sizes of boxes.*Received: 100"):
        ops.scale_crops(tf.zeros([1, 1, width, 3], tf.uint8), boxes, (1, 1))
    frames = random_frames(1, 30, 30)
    boxes = [[0, 0, 10 + n % 20, 30 - n % 20] for n in range(200)]
    crops = ops.scale_crops(frames, boxes, (8, 8))
    for n in (0, 7, 19, 27, 199):
        np.testing.assert_array_equal(crops[n], ops.scale_crops(frames, [boxes[n]], (8, 8))[0])


@pytest.mark.parametrize("num_segments", [2**63, 2**64, 10**30, 2**31, 0, -1, -(2**63)])
@pytest.mark.parametrize("frames", [0, 4])
def test_absurd_numbers_of_frames_per_clip(ops_path, num_segments, frames):
    x = tf.zeros([frames, 2, 2, 8])
    weights = [tf.zeros(8)] * 4 + [tf.zeros([3, 3, 3, 4, 2]), tf.zeros(2)]
    calls = [
        lambda: ops.temporal_shift(x, num_segments, 2),
        lambda: ops.rubiks_shift(x, tf.zeros([3, 8]), num_segments),
        lambda: ops.gate_shift_fuse(x, *weights, num_segments=num_segments, fusion="sum"),
        lambda: ops.motion_flow(x, num_segments),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="num_segments must be at (least 1|most 2).*Received"):
            call()


@pytest.mark.parametrize("strides", [2**63, (2**63, 1, 1), (1, 2**70), 2**31, 0, -1, (1, -(2**63))])
def test_absurd_strides(ops_path, strides):
    with pytest.raises(ValueError, match="strides must be.*at most"):
        ops.rubiks_shift(tf.zeros([4, 2, 2, 8]), tf.zeros([3, 8]), 2, strides)


def test_the_largest_strides_take_the_first_element(ops_path):
    x = tf.reshape(tf.range(4 * 3 * 2 * 8, dtype=tf.float32), [4, 3, 2, 8])
    shift = tf.Variable(tf.zeros([3, 8]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.rubiks_shift(x, shift, 2, (2**31 - 1,) * 3)
        total = tf.reduce_sum(y)
    np.testing.assert_array_equal(y, x[::2, :1, :1])
    gradient = tape.gradient(total, x).numpy()
    assert gradient[::2, 0, 0].min() == 1 and gradient.sum() == 16


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_the_largest_attributes_of_the_raw_ops(ops_path):
    largest = 2**63 - 1
    x, shift = tf.ones([2, 3, 2, 8]), tf.zeros([3, 8])
    arguments = {"strides": [largest] * 3, "quantized": False}
    y = library.raw_op("rubiks_shift")(x, shift, num_segments=2, **arguments)
    assert y.shape == (1, 1, 1, 8)
    gradients = library.raw_op("rubiks_shift_gradient")(x, shift, y, num_segments=2, **arguments)
    assert gradients[0].numpy().sum() == 8
    empty = tf.zeros([0, 3, 2, 8])
    y = library.raw_op("rubiks_shift")(empty, shift, num_segments=largest, **arguments)
    assert y.shape == (0, 1, 1, 8)
    gradients = library.raw_op("rubiks_shift_gradient")(
        empty, shift, y, num_segments=largest, **arguments
    )
    assert not gradients[1].numpy().any()
    assert (
        library.raw_op("temporal_shift")(empty, num_segments=largest, fold=4).shape == empty.shape
    )
    flow = {"window": 255, "sigma": 1.2e-38, "temperature": 3e38, "S": tf.float32}
    y, saved = library.raw_op("motion_flow")(empty, num_segments=largest, **flow)
    assert y.shape == (0, 3, 2, 3) and saved.shape == (0, 3, 6, 2)
    assert np.isfinite(library.raw_op("motion_flow")(x, num_segments=2, **flow)[0]).all()
    for fold in (5, largest):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Two folds must fit"):
            library.raw_op("temporal_shift")(x, num_segments=2, fold=fold)


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_empty_tensors_of_absurd_shapes(ops_path):
    """They take no memory, but what is computed for each of their frames would."""
    frames = 2**44
    x = tf.zeros([frames, 0, 1, 4 * 2**16])
    processed = 2**18
    weights = [tf.zeros([processed])] * 4
    weights += [tf.zeros([3, 3, 3, processed // 2, 2]), tf.zeros(2)]
    weights += [tf.zeros([2, 3, 3, 2]), tf.zeros(2)]
    with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError)):
        library.raw_op("gate_shift_fuse")(
            x, *weights, num_segments=1, epsilon=1e-5, training=True, fusion="learned"
        )
    y, saved = library.raw_op("motion_flow")(
        x, num_segments=2, window=15, sigma=5.0, temperature=100.0, S=tf.float32
    )
    assert y.shape == (frames, 0, 1, 3) and saved.shape == (frames // 2, 0, 6, 1)
    x, shift = tf.zeros([frames, 3, 0, 8]), tf.zeros([3, 8])
    arguments = {"num_segments": 1, "strides": [1, 1, 1], "quantized": False}
    x_gradient, shift_gradient = library.raw_op("rubiks_shift_gradient")(x, shift, x, **arguments)
    assert x_gradient.shape == x.shape and not shift_gradient.numpy().any()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 3, 2), (0,), (1000,)])
@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_weights_that_take_no_part_have_a_gradient_of_zero(ops_path, shape, training):
    """Their gradient was memory that nobody had written."""
    # What is freed here is what the op gets.
    for _ in range(4):
        tf.fill([max(np.prod(shape), 1)], np.float32(7)).numpy()
    x = tf.random.stateless_normal([4, 2, 2, 8], [0, 1])
    weights = [tf.ones(8)] * 4 + [tf.ones([3, 3, 3, 4, 2]), tf.zeros(2)]
    weights += [tf.fill(shape, 7.0), tf.fill(shape[:1], 7.0)]
    arguments = {"num_segments": 2, "epsilon": 1e-5, "training": training, "fusion": "sum"}
    y, *saved = library.raw_op("gate_shift_fuse")(x, *weights, **arguments)
    trained = weights[:2] + weights[4:]
    *_, kernel, bias = library.raw_op("gate_shift_fuse_gradient")(
        y, *trained, x, *saved, **arguments
    )
    assert kernel.shape == shape and bias.shape == shape[:1]
    assert not kernel.numpy().any() and not bias.numpy().any()


@pytest.mark.parametrize("change", [{"label_limits": [2**31]}, {"max_frame_pixels": 2**62}])
@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_limits_of_clips_that_32_bits_do_not_hold(ops_path, change):
    arguments = {"label_keys": ["a"], "label_limits": [1], "max_frame_pixels": 1, **change}
    with pytest.raises(tf.errors.InvalidArgumentError, match="numbers of 32 bits"):
        library.raw_op("parse_clip")(b"", **arguments)
