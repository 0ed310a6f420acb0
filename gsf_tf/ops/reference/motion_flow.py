"""The flow between neighboring frames: correlation over a window and its soft-argmax.

Row by row of the window: the correlations of a row of displacements are a product of matrices, of
which a band is kept, and its part of every sum is added before the next row begins. The backward
pass computes them anew. So a tensor of all displacements never exists, neither in inference nor
between the forward and the backward pass.
"""

import tensorflow as tf

# Inside the root of the length, as in the authors' code.
EPSILON = 1e-6
# The exponent of a Gaussian so narrow that it is 1 at the maximum and 0 elsewhere.
STEEPEST = -1e30


@tf.autograph.experimental.do_not_convert
def motion_flow(x, num_segments, window, sigma, temperature):
    """Returns the displacement of each position to the next frame, and how sure it is.

    With c(d) the correlation of a position with the position d away in the next frame, both of
    length 1 and negative values cut off, and d* its maximum:

        p = softmax(temperature * exp(-|d - d*|^2 / (2 sigma^2)) * c(d)),  flow = sum p(d) d / reach

    Args:
        x: `[B * num_segments, H, W, C]`, floating point. Positions outside the map are zeros.
        num_segments: Frames per clip, at least 2.
        window: Odd number of displacements in each direction, `2 * reach + 1`.
        sigma: Standard deviation of the Gaussian, in elements of the map.
        temperature: Factor of the softmax.

    Returns:
        `[B * num_segments, H, W, 3]` in the dtype of `x`: x and y in [-1, 1], positive to the right
        and down, and the confidence c(d*). The last frame of a clip has those of the one before.
        Inside it is computed in float32, or in float64 if x is.

    Reference:
        Kwon et al., MotionSqueeze, ECCV 2020, section 3.2; 1 / `temperature` in its notation.
    """
    dtype = tf.float64 if x.dtype == tf.float64 else tf.float32
    frames, height, width, channels = _sizes(x)
    values = tf.cast(x, dtype)
    length = tf.sqrt(tf.reduce_sum(tf.square(values), axis=-1, keepdims=True) + EPSILON)
    clips = tf.reshape(values / length, (-1, num_segments, height, width, channels))
    pairs = (-1, height, width, channels)
    flow = _matched(
        tf.reshape(clips[:, :-1], pairs),
        tf.reshape(clips[:, 1:], pairs),
        window=window,
        sigma=sigma,
        temperature=temperature,
    )
    flow = tf.reshape(flow, (-1, num_segments - 1, height, width, 3))
    flow = tf.concat([flow, flow[:, -1:]], axis=1)
    return tf.cast(tf.reshape(flow, (frames, height, width, 3)), x.dtype)


def _matched(before, after, **options):
    """Flow and confidence of `[N, H, W, C]` and the frames after them, `[N, H, W, 3]`."""

    @tf.custom_gradient
    def match(before, after):
        padded = _padded(after, options["window"])
        best = _best(before, padded, options["window"])
        flow, total = _soft_argmax(before, padded, best, **options)
        # A NaN among the correlations is one of the sum; the comparisons did not see it.
        confidence = tf.where(tf.math.is_nan(total), total, best[0])
        outputs = tf.concat([flow, confidence], axis=-1)

        def gradient(upstream):
            return _gradients(upstream, before, padded, best, flow, total, **options)

        return outputs, gradient

    return match(before, after)


def _best(before, padded, window):
    """The largest correlation and its row and column in the window, each `[N, H, W, 1]`."""
    best = tf.fill(tf.shape(before[..., :1]), tf.constant(-1, before.dtype))
    best_row, best_column = tf.zeros_like(best), tf.zeros_like(best)
    for row in range(window):
        correlation = _correlation(before, padded, window, row, waits_for=best)
        largest = tf.reduce_max(correlation, axis=-1, keepdims=True)
        column = tf.cast(tf.argmax(correlation, axis=-1)[..., None], best.dtype)
        is_better = largest > best
        best = tf.where(is_better, largest, best)
        best_row = tf.where(is_better, tf.cast(row, best.dtype), best_row)
        best_column = tf.where(is_better, column, best_column)
    return best, best_row, best_column


def _soft_argmax(before, padded, best, window, sigma, temperature):
    """The flow `[N, H, W, 2]`, and the sum `[N, H, W, 1]` that normalizes the weights."""
    reach = window // 2
    columns = _offsets(window, before.dtype)
    total = tf.zeros_like(best[0])
    flow_x, flow_y = tf.zeros_like(total), tf.zeros_like(total)
    for row in range(window):
        correlation = _correlation(before, padded, window, row, waits_for=total)
        weights, _ = _weights(correlation, row, best, window, sigma, temperature)
        of_row = tf.reduce_sum(weights, axis=-1, keepdims=True)
        flow_x += tf.reduce_sum(weights * columns, axis=-1, keepdims=True)
        flow_y += of_row * (row - reach)
        total += of_row
    return tf.concat([flow_x, flow_y], axis=-1) / (total * reach), total


def _gradients(upstream, before, padded, best, flow, total, window, sigma, temperature):
    """The gradients of `before` and `after`. The place of the maximum has none."""
    reach = window // 2
    _, height, width, _ = _sizes(before)
    columns = _offsets(window, before.dtype)
    positions = tf.range(window, dtype=before.dtype)
    slope_x, slope_y, slope_confidence = (upstream[..., axis, None] for axis in range(3))
    flow_x, flow_y = flow[..., :1], flow[..., 1:]
    to_before, to_padded = tf.zeros_like(before), tf.zeros_like(padded)
    for row in range(window):
        correlation = _correlation(before, padded, window, row, waits_for=to_before)
        weights, gaussian = _weights(correlation, row, best, window, sigma, temperature)
        distance = slope_x * (columns / reach - flow_x)
        distance += slope_y * ((row - reach) / reach - flow_y)
        slope = weights / total * distance * temperature * gaussian
        is_best = (best[1] == row) & (best[2] == positions)
        slope += tf.where(is_best, slope_confidence, tf.zeros_like(slope))
        slope = tf.where(correlation > 0, slope, tf.zeros_like(slope))
        products = _as_products(slope, width, window)
        to_before += tf.matmul(products, padded[:, row : row + height])
        part = tf.matmul(products, before, transpose_a=True)
        to_padded += tf.pad(part, [[0, 0], [row, window - 1 - row], [0, 0], [0, 0]])
    inside = to_padded[:, reach : reach + height, reach : reach + width]
    return to_before, inside


def _weights(correlation, row, best, window, sigma, temperature):
    """The weights of a row, not normalized, and their Gaussian; `[N, H, W, window]`.

    The largest exponent is that of the maximum, whose Gaussian is 1.
    """
    confidence, best_row, best_column = best
    columns = tf.range(window, dtype=correlation.dtype)
    squares = tf.square(columns - best_column) + tf.square(row - best_row)
    gaussian = tf.exp(squares * max(-0.5 / sigma**2, STEEPEST))
    return tf.exp(temperature * (gaussian * correlation - confidence)), gaussian


def _correlation(before, padded, window, row, waits_for):
    """The correlations with a row of displacements, `[N, H, W, window]`.

    In a graph it waits for a tensor to which the row before was added, so that only one row is in
    memory at a time.
    """
    with tf.control_dependencies([waits_for]):
        frames = tf.identity(padded)[:, row : row + _sizes(before)[1]]
    products = tf.matmul(before, frames, transpose_b=True)
    return tf.nn.relu(_band(products, window))


def _band(products, window):
    """Entries w, w + d of matrices `[..., W, W + window - 1]`, as `[..., W, window]`.

    With one element more per row, w + d of row w stands in column d.
    """
    count, height, width, columns = _sizes(products)
    flat = tf.reshape(products, (count, height, width * columns))
    flat = tf.pad(flat, [[0, 0], [0, 0], [0, width]])
    return tf.reshape(flat, (count, height, width, columns + 1))[..., :window]


def _as_products(band, width, window):
    """The transposed operation of `_band`: zeros everywhere else."""
    count, height, *_ = _sizes(band)
    columns = width + window - 1
    wide = tf.pad(band, [[0, 0], [0, 0], [0, 0], [0, columns + 1 - window]])
    flat = tf.reshape(wide, (count, height, width * (columns + 1)))
    return tf.reshape(flat[..., : width * columns], (count, height, width, columns))


def _padded(after, window):
    reach = window // 2
    return tf.pad(after, [[0, 0], [reach, reach], [reach, reach], [0, 0]])


def _offsets(window, dtype):
    return tf.range(window, dtype=dtype) - window // 2


def _sizes(x):
    """The sizes of x, numbers where they are known."""
    dynamic = tf.shape(x)
    return tuple(dynamic[axis] if size is None else size for axis, size in enumerate(x.shape))
