"""Chooses the part of a frame that a model sees: a box in the stored frame.

The box is scaled to the size of the model's input, and all frames of a clip have the same box. A
box is (top, left, height, width) in pixels, so that a JPEG decoder can skip the pixels outside
(`gsf_tf.ops.decode_crops`).
"""

import tensorflow as tf

# Wang et al., "Temporal Segment Networks", section 3.2: scale jittering.
CROP_SCALES = (1.0, 0.875, 0.75, 0.66)

# Ranges of area and width / height for `random_resized_crop`: Szegedy et al., section 6.
RESIZED_AREA = (0.08, 1.0)
RESIZED_ASPECT = (3 / 4, 4 / 3)

# (vertical, horizontal) in quarters of the free space: the 13 fixed positions of the training crops
# in the code of TSN and of the papers.
_CORNERS = ((0, 0), (0, 4), (4, 0), (4, 4))
_CENTER = ((2, 2),)
_EDGE_CENTERS = ((0, 2), (4, 2), (2, 0), (2, 4))
_QUARTER_POINTS = ((1, 1), (1, 3), (3, 1), (3, 3))
CROP_POSITIONS = _CORNERS + _CENTER + _EDGE_CENTERS + _QUARTER_POINTS

# Where several crops of a clip lie in evaluation.
CROPS_ALONG = ("longer_side", "width")


def training_crop(height, width, image_size: tuple[int, int], seed) -> tf.Tensor:
    """Draws a multi-scale crop.

    The height and the width of the crop are the short side times two of `CROP_SCALES`, which are at
    most one step apart. The crop lies at one of `CROP_POSITIONS`. If `image_size` is not square,
    the sides of the largest box with its aspect ratio replace the short side.

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
    pair = tf.random.stateless_uniform([], draws[0], 0, pairs.shape[0], tf.int32)
    spot = tf.random.stateless_uniform([], draws[1], 0, len(CROP_POSITIONS), tf.int32)
    frame = tf.stack([height, width])
    base = tf.cast(_largest_box(height, width, image_size), tf.float64)
    box = tf.maximum(tf.cast(base * pairs[pair], tf.int32), 1)
    return tf.concat([(frame - box) // 4 * tf.constant(CROP_POSITIONS)[spot], box], axis=0)


def random_resized_crop(
    height,
    width,
    image_size: tuple[int, int],
    seed,
    area_range: tuple[float, float] = RESIZED_AREA,
    aspect_range: tuple[float, float] = RESIZED_ASPECT,
) -> tf.Tensor:
    """Draws a crop of random area and shape.

    The rule is that of Szegedy et al., "Going Deeper with Convolutions", section 6, as `tf.image`
    implements it: after ten draws that do not fit, the crop is the whole frame.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        image_size: (height, width) of the model's input.
        seed: Two integers; the same seed draws the same crop.
        area_range: Smallest and largest area of the crop, as a share of the frame's area.
        aspect_range: Smallest and largest width / height, relative to that of `image_size`.

    Returns:
        int32 `[4]`: top, left, height, width.
    """
    aspect = image_size[1] / image_size[0]
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.stack([height, width, 3]),
        tf.zeros([1, 0, 4]),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=[aspect_range[0] * aspect, aspect_range[1] * aspect],
        area_range=area_range,
        max_attempts=10,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.concat([begin[:2], size[:2]], axis=0)


def view_crops(
    height,
    width,
    image_size: tuple[int, int],
    num_crops: int,
    *,
    full_short_side: bool = False,
    crops_along: str = "longer_side",
) -> tf.Tensor:
    """Returns crops that are evenly spaced along a side of the frame.

    The papers scale the short side to input * 256 // 224 and cut out the size of the input. These
    crops are the same regions, in pixels of the stored frame. Three crops of a landscape frame are
    left, center and right. Those of an upright frame are top, center and bottom, or left, center
    and right with `crops_along="width"`. A single crop is the center. Along the other side, all
    crops are centered.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        image_size: (height, width) of the model's input.
        num_crops: Number of crops.
        full_short_side: The crops cover the whole short side instead of 224/256 of it, as in TSM's
            full-resolution test with inputs of 256 pixels.
        crops_along: `"longer_side"`, or `"width"`, the rule of the papers' authors: crops lie along
            the width whatever the shape of the frame. Then the free space counts in whole quarters,
            as in their code, so the last crop may end up to 3 pixels before the edge.

    Returns:
        int32 `[num_crops, 4]`: top, left, height, width of each crop.
    """
    frame = tf.stack([height, width])
    box = _largest_box(height, width, image_size)
    if not full_short_side:
        side = min(image_size)
        share = side / (side * 256 // 224)
        scaled = tf.round(tf.cast(box, tf.float64) * share)
        box = tf.maximum(tf.cast(scaled, tf.int32), 1)
    free = frame - box
    if crops_along == "width":
        along = tf.constant([False, True])
        free = free // 4 * 4 if num_crops > 1 else free
    else:
        along = tf.stack([height > width, height <= width])
    # A single crop is the center one of three.
    steps, intervals = (tf.range(num_crops), num_crops - 1) if num_crops > 1 else ([1], 2)
    steps = tf.convert_to_tensor(steps)
    spread = free[None] * steps[:, None] // intervals
    corners = tf.where(along, spread, free // 2)
    return tf.concat([corners, tf.tile(box[None], [num_crops, 1])], axis=1)


def _largest_box(height, width, image_size):
    """Returns [height, width] of the largest box in the frame with the input's aspect ratio."""
    box_height = tf.minimum(height, width * image_size[0] // image_size[1])
    box_width = tf.minimum(width, height * image_size[1] // image_size[0])
    return tf.stack([box_height, box_width])
