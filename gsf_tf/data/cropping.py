"""The part of a frame that a model sees: a box in the stored frame, scaled to the input.

One box serves all frames of a clip. A box is (top, left, height, width) in pixels, so that a
JPEG decoder can leave out what lies outside.
"""

import tensorflow as tf

# Wang et al., "Temporal Segment Networks", section 3.2: scale jittering.
CROP_SCALES = (1.0, 0.875, 0.75, 0.66)

# (vertical, horizontal) in quarters of the free space: corners, centre, edge centres and
# quarter points, the 13 fixed positions of the papers' training crops.
CROP_POSITIONS = (
    (0, 0), (0, 4), (4, 0), (4, 4), (2, 2),
    (0, 2), (4, 2), (2, 0), (2, 4),
    (1, 1), (1, 3), (3, 1), (3, 3),
)  # fmt: skip


def training_crop(height, width, image_size: tuple[int, int], seed) -> tf.Tensor:
    """Draws a multi-scale crop.

    Height and width are the short side times two of `CROP_SCALES` at most one step apart, at
    one of `CROP_POSITIONS`. Where `image_size` is not square, the largest box of its shape
    takes the place of the short side.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        image_size: (height, width) of the model's input.
        seed: Two integers; the same seed draws the same crop.

    Returns:
        int32 `[4]`: top, left, height, width.
    """
    steps = range(len(CROP_SCALES))
    pairs = tf.constant(
        [(CROP_SCALES[i], CROP_SCALES[j]) for i in steps for j in steps if abs(i - j) <= 1],
        tf.float64,
    )
    draws = tf.unstack(tf.random.split(seed, 2))
    pair = tf.random.stateless_uniform([], draws[0], 0, len(pairs), tf.int32)
    spot = tf.random.stateless_uniform([], draws[1], 0, len(CROP_POSITIONS), tf.int32)
    frame = tf.stack([height, width])
    base = tf.cast(_largest_box(height, width, image_size), tf.float64)
    box = tf.maximum(tf.cast(base * pairs[pair], tf.int32), 1)
    return tf.concat([(frame - box) // 4 * tf.constant(CROP_POSITIONS)[spot], box], axis=0)


def evaluation_crop(height, width, image_size: tuple[int, int]) -> tf.Tensor:
    """Takes the centre crop of testing.

    The papers scale the short side to input * 256 // 224 and crop the input's size from the
    centre; this is the same region, in pixels of the stored frame.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        image_size: (height, width) of the model's input.

    Returns:
        int32 `[4]`: top, left, height, width.
    """
    side = min(image_size)
    share = side / (side * 256 // 224)
    frame = tf.stack([height, width])
    base = tf.cast(_largest_box(height, width, image_size), tf.float64)
    box = tf.maximum(tf.cast(tf.round(base * share), tf.int32), 1)
    return tf.concat([(frame - box) // 2, box], axis=0)


def crop(frames, box) -> tf.Tensor:
    """Cuts `box` out of frames `[T, H, W, 3]`."""
    top, left, height, width = tf.unstack(box)
    return frames[:, top : top + height, left : left + width]


def scale(frames, image_size: tuple[int, int]) -> tf.Tensor:
    """Scales cropped frames to the model's input: antialiased bilinear, as PIL does.

    Args:
        frames: uint8 `[T, H, W, 3]`.
        image_size: (height, width) of the result.

    Returns:
        uint8 `[T, *image_size, 3]`.
    """

    def resize():
        resized = tf.image.resize(frames, image_size, antialias=True)
        return tf.cast(tf.round(tf.clip_by_value(resized, 0, 255)), tf.uint8)

    same = tf.reduce_all(tf.shape(frames)[1:3] == tf.constant(image_size))
    scaled = tf.cond(same, lambda: frames, resize)
    scaled.set_shape([frames.shape[0], *image_size, 3])
    return scaled


def _largest_box(height, width, image_size):
    """Returns [height, width] of the largest box of the input's shape that fits the frame."""
    box_height = tf.minimum(height, width * image_size[0] // image_size[1])
    box_width = tf.minimum(width, height * image_size[1] // image_size[0])
    return tf.stack([box_height, box_width])
