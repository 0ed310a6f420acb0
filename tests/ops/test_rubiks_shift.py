import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsf_tf import ops
from tests.ops.numpy_rubiks_shift import numpy_rubiks_shift

pytestmark = pytest.mark.usefixtures("ops_path")

MODES = ("interpolated", "quantized")
LARGEST_BELOW_HALF = np.nextafter(np.float32(0.5), np.float32(0))


def random(shape, dtype="float64", seed=0):
    return tf.cast(tf.constant(np.random.default_rng(seed).normal(size=shape)), dtype)


def integers(shape, dtype="float32", seed=0):
    """Integers that bfloat16 holds, so that float32 computes without any rounding."""
    return tf.cast(np.random.default_rng(seed).integers(-128, 128, size=shape), dtype)


def value_and_gradients(x, shift, *args, seed=1, **kwargs):
    """Returns the gradient of y that is chosen, y, and the gradients of x and of the shift."""
    x, shift = tf.convert_to_tensor(x), tf.convert_to_tensor(shift)
    with tf.GradientTape() as tape:
        tape.watch([x, shift])
        y = ops.rubiks_shift(x, shift, *args, **kwargs)
    upstream = integers(y.shape, y.dtype, seed)
    return upstream, y, *tape.gradient(y, [x, shift], output_gradients=upstream)


def check(x, shift, num_segments, strides, mode, rtol=1e-11):
    upstream, *ours = value_and_gradients(x, shift, num_segments, strides, mode)
    given = (strides, strides) if isinstance(strides, int) else strides
    triple = (1, *given)[-3:]
    theirs = numpy_rubiks_shift(x, shift, num_segments, triple, upstream, mode)
    for our, their in zip(ours, theirs, strict=True):
        assert our.shape == their.shape
        atol = rtol * max(np.abs(their).max(initial=0), 1)
        np.testing.assert_allclose(our, their, rtol=rtol, atol=atol)


SPATIAL_STRIDES = (1, 2, 3, (1, 2), (3, 2))
ALL_STRIDES = (*SPATIAL_STRIDES, (2, 1, 1), (3, 2, 1), (2, 3, 3))
AXIS_SHIFTS = st.one_of(
    st.integers(-4, 4),
    st.integers(-8, 8).map(lambda halves: halves / 2),
    st.floats(-4, 4, allow_subnormal=False),
    st.sampled_from([1e-12, -1e-12, 1 - 2**-53, -1 + 2**-53, 40.0, -40.25]),
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_equals_the_equations(data):
    axes = data.draw(st.sampled_from([2, 3]), "axes")
    num_segments = data.draw(st.integers(1, 4), "num_segments") if axes == 3 else 1
    frames = num_segments * data.draw(st.integers(1, 2), "clips")
    height, width = data.draw(st.integers(1, 5), "height"), data.draw(st.integers(1, 5), "width")
    strides = data.draw(st.sampled_from(ALL_STRIDES if axes == 3 else SPATIAL_STRIDES), "strides")
    channels = data.draw(st.integers(1, 2), "channels")
    columns = st.lists(AXIS_SHIFTS, min_size=channels, max_size=channels)
    shift = data.draw(st.lists(columns, min_size=axes, max_size=axes), "shift")
    mode = data.draw(st.sampled_from(MODES), "mode")
    x = random((frames, height, width, channels))
    check(x, tf.constant(shift, tf.float64), num_segments, strides, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strides", ALL_STRIDES)
def test_equals_the_equations_at_every_stride(strides, mode):
    shift = tf.constant([[0.3, -1.0, 2.5], [-2.2, 3.0, 0.5], [1.75, -0.5, -4.0]], tf.float64)
    check(random((2 * 4, 5, 7, 3)), shift, 4, strides, mode)
    if strides in SPATIAL_STRIDES:
        check(random((3, 5, 7, 3)), shift[1:], 1, strides, mode)


@pytest.mark.parametrize("axis", range(3))
def test_half_the_central_difference_where_one_axis_is_an_integer(axis):
    shift = np.full((3, 5), 0.4)
    shift[axis] = [-2, -1, 0, 1, 2]
    check(random((4, 4, 5, 5)), tf.constant(shift), 4, 1, "interpolated")


@pytest.mark.parametrize("mode", MODES)
def test_shifts_a_rounding_away_from_an_integer(mode):
    # 1 + 1e-9 is 1 in float32, yet 1e-9 is no integer; the slope is that of its own side.
    near = np.float32([1e-9, -1e-9, 1 - 2**-24, -1 + 2**-24, 2 - 2**-23, -3 + 2**-22, 1e-30, 0])
    x, shift = integers((3, 7, 7, 8)), tf.stack([near, near[::-1], near])
    check(x, shift, 3, 1, mode, rtol=1e-6)


def test_slopes_at_an_integer_by_hand():
    x = tf.constant([1.0, 4.0, 9.0, 16.0, 25.0], tf.float64)[None, None, :, None]
    for shift, expected in [
        (0.0, [(4 - 0) / 2, (9 - 1) / 2, (16 - 4) / 2, (25 - 9) / 2, (0 - 16) / 2]),
        (0.25, [3, 5, 7, 9, -25]),
        (-0.25, [1, 3, 5, 7, 9]),
        (1.0, [(9 - 1) / 2, (16 - 4) / 2, (25 - 9) / 2, (0 - 16) / 2, (0 - 25) / 2]),
        (5.0, [(0 - 25) / 2, 0, 0, 0, 0]),
        (6.0, [0, 0, 0, 0, 0]),
    ]:
        shift = tf.constant([[0.0], [shift]], tf.float64)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(shift)
            elements = tf.unstack(ops.rubiks_shift(x, shift)[0, 0, :, 0])
        slopes = [float(tape.gradient(element, shift)[1, 0]) for element in elements]
        assert slopes == expected


@pytest.mark.parametrize("strides", [1, (2, 1, 2)])
def test_finite_differences(strides):
    rng = np.random.default_rng(3)
    whole, fraction = rng.integers(-2, 2, (3, 2)), rng.uniform(0.1, 0.9, (3, 2))
    weights = random((6, 3, 4, 2), seed=4)

    @tf.function
    def weighted_squares(x, shift):
        y = ops.rubiks_shift(x, shift, 3, strides)
        return tf.reduce_sum(tf.square(y) * weights[: y.shape[0], : y.shape[1], : y.shape[2]])

    theoretical, numerical = tf.test.compute_gradient(
        weighted_squares, [random((6, 3, 4, 2)), tf.constant(whole + fraction)], delta=1e-4
    )
    np.testing.assert_allclose(theoretical[0], numerical[0], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(theoretical[1], numerical[1], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    "shift, expected",
    [
        (0.0, 0),
        (0.5, 1),
        (LARGEST_BELOW_HALF, 0),
        (-0.5, 0),
        (np.nextafter(np.float32(-0.5), np.float32(-1)), -1),
        (np.nextafter(np.float32(-0.5), np.float32(0)), 0),
        (-1.5, -1),
        (1.5, 2),
        (2.5, 3),
        (-2.5, -2),
        (1.25, 1),
        (-1.75, -2),
        (-1e-9, 0),
        (1e-9, 0),
    ],
)
def test_rounds_halves_up(shift, expected):
    x = integers((1, 1, 9, 1))
    moved = ops.rubiks_shift(x, tf.constant([[0.0], [shift]]), mode="quantized")
    copied = ops.rubiks_shift(x, tf.constant([[0.0], [expected]], tf.float32))
    np.testing.assert_array_equal(moved, copied)


@pytest.mark.parametrize("strides", [1, (2, 2, 3)])
def test_quantized_moves_by_integers_and_learns_like_interpolation(strides):
    x, shift = random((8, 5, 6, 7)), random((3, 7), seed=2) * 2
    arguments = (4, strides)
    upstream, y, of_x, of_shift = value_and_gradients(x, shift, *arguments, mode="quantized")
    _, whole_y, whole_of_x, _ = value_and_gradients(x, tf.floor(shift + 0.5), *arguments)
    _, _, _, continuous_of_shift = value_and_gradients(x, shift, *arguments)
    np.testing.assert_array_equal(y, whole_y)
    np.testing.assert_array_equal(of_x, whole_of_x)
    np.testing.assert_array_equal(of_shift, continuous_of_shift)
    # The gradient of x is the adjoint: <y, upstream> = <x, its gradient>, y being linear in x.
    np.testing.assert_allclose(tf.reduce_sum(y * upstream), tf.reduce_sum(x * of_x), rtol=1e-12)


def test_positive_reads_later_lower_further_right():
    x = random((3, 4, 5, 3), "float32").numpy()
    y = ops.rubiks_shift(x, np.eye(3, dtype="float32"), num_segments=3).numpy()
    np.testing.assert_array_equal(y[:2, :, :, 0], x[1:, :, :, 0])
    np.testing.assert_array_equal(y[:, :3, :, 1], x[:, 1:, :, 1])
    np.testing.assert_array_equal(y[:, :, :4, 2], x[:, :, 1:, 2])
    assert not y[2, :, :, 0].any() and not y[:, 3, :, 1].any() and not y[:, :, 4, 2].any()


def test_negative_reads_earlier_higher_further_left():
    x = random((3, 4, 5, 3), "float32").numpy()
    y = ops.rubiks_shift(x, -np.eye(3, dtype="float32"), num_segments=3).numpy()
    np.testing.assert_array_equal(y[1:, :, :, 0], x[:2, :, :, 0])
    np.testing.assert_array_equal(y[:, 1:, :, 1], x[:, :3, :, 1])
    np.testing.assert_array_equal(y[:, :, 1:, 2], x[:, :, :4, 2])
    assert not y[0, :, :, 0].any() and not y[:, 0, :, 1].any() and not y[:, :, 0, 2].any()


def test_clips_do_not_mix():
    x = integers((2 * 3, 2, 2, 2))
    shift = tf.constant([[0.5, -1.5], [0.0, 0.0], [0.0, 0.0]])
    both = ops.rubiks_shift(x, shift, num_segments=3)
    apart = [ops.rubiks_shift(clip, shift, num_segments=3) for clip in (x[:3], x[3:])]
    np.testing.assert_array_equal(both, tf.concat(apart, 0))


def test_every_corner_outside_counts_as_zero_by_itself():
    y = ops.rubiks_shift(tf.ones([1, 2, 2, 1]), tf.constant([[0.5], [0.25]]))[0, ..., 0]
    np.testing.assert_array_equal(y, [[1, 0.75], [0.5, 0.375]])


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("length", [1, 4, 5, 6])
def test_length_is_rounded_up(length, step):
    shift, expected = tf.zeros([3, 2]), -(-length // step)
    x = random((2 * length, length, 7, 2), "float32")
    assert ops.rubiks_shift(x, shift, length, (step, 1, 1)).shape == (2 * expected, length, 7, 2)
    assert ops.rubiks_shift(x, shift, length, (1, step, 1)).shape == (2 * length, expected, 7, 2)
    assert ops.rubiks_shift(x[:, :, :length], shift, length, step).shape == (
        *(2 * length, expected, expected, 2),
    )


def test_strides_count_from_the_first_element():
    x = random((2 * 5, 4, 6, 2), "float32").numpy()
    y = ops.rubiks_shift(x, np.zeros((3, 2), "float32"), 5, strides=(2, 3, 4)).numpy()
    expected = x.reshape(2, 5, 4, 6, 2)[:, ::2, ::3, ::4].reshape(6, 2, 2, 2)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_integer_shifts_copy_bit_for_bit(dtype, mode):
    x, whole = random((2 * 4, 5, 5, 6), dtype), np.random.default_rng(5).integers(-3, 4, (3, 6))
    y = ops.rubiks_shift(x, tf.cast(whole, "float32"), 4, mode=mode)
    assert y.dtype == x.dtype
    expected = np.zeros_like(x.numpy().reshape(2, 4, 5, 5, 6))
    source = x.numpy().reshape(expected.shape)
    for t, h, w, c in np.ndindex(*expected.shape[1:]):
        i, j, k = np.array([t, h, w]) + whole[:, c]
        if 0 <= i < 4 and 0 <= j < 5 and 0 <= k < 5:
            expected[:, t, h, w, c] = source[:, i, j, k, c]
    assert y.numpy().tobytes() == expected.tobytes()


def test_shift_beyond_the_clip_gives_zeros():
    x = random((4, 3, 3, 3), "float32")
    for far in (4.0, -4.0, 4.5, 1e6, -1e6, 1e9):
        _, y, of_x, of_shift = value_and_gradients(x, tf.eye(3) * far * 2, num_segments=4)
        for tensor in (y, of_x, of_shift):
            np.testing.assert_array_equal(tensor, np.zeros(tensor.shape))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_rounded_once(dtype, mode):
    # Eighths: float32 holds every product and every sum exactly, so one rounding is all there is.
    eighths = np.random.default_rng(6).integers(-16, 17, (3, 5)) / 8
    x = integers((4, 5, 5, 5), dtype)
    upstream, y, of_x, of_shift = value_and_gradients(x, tf.constant(eighths), 4, mode=mode)
    exact = numpy_rubiks_shift(x, eighths, 4, upstream=upstream, mode=mode)
    assert y.dtype == of_x.dtype == dtype
    np.testing.assert_array_equal(y, tf.cast(exact[0], dtype))
    np.testing.assert_array_equal(of_x, tf.cast(exact[1], dtype))
    assert of_shift.dtype == tf.float64
    np.testing.assert_allclose(of_shift, exact[2], rtol=1e-5)


def test_shift_is_not_rounded_to_half_precision():
    x = tf.constant([0.0, 256.0], tf.bfloat16)[None, None, :, None]
    # Half precision would make 1 of 1 - 2^-9, the result 256.
    y = ops.rubiks_shift(x, tf.constant([[0.0], [2.0**-9]]))
    np.testing.assert_array_equal(y[0, 0, :, 0], tf.constant([0.5, 255.5], tf.bfloat16))
    y = ops.rubiks_shift(x, tf.constant([[0.0], [0.001953125 + 2.0**-18]]))
    np.testing.assert_array_equal(y[0, 0, 0], tf.cast([256 * (2.0**-9 + 2.0**-18)], "bfloat16"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes, strides", [(3, 1), (3, (2, 1, 2)), (2, 2)])
def test_unknown_batch_height_and_width(axes, strides, mode):
    num_segments = 3 if axes == 3 else 1
    specs = [tf.TensorSpec([None, None, None, 4], "float64"), tf.TensorSpec([axes, 4], "float64")]

    @tf.function(input_signature=specs)
    def run(x, shift):
        y = ops.rubiks_shift(x, shift, num_segments, strides, mode)
        return y, *tf.gradients(tf.reduce_sum(y * y), [x, shift])

    y_shape, *gradient_shapes = run.get_concrete_function().output_shapes
    assert y_shape.as_list() == [None, None, None, 4]
    assert gradient_shapes[1].as_list() == [axes, 4]
    triple = (1, strides, strides) if isinstance(strides, int) else strides
    for seed, shape in enumerate([(3, 4, 5, 4), (6, 1, 1, 4), (3, 5, 2, 4), (0, 3, 3, 4)]):
        x, shift = random(shape), random((axes, 4), seed=seed) * 2
        y, of_x, of_shift = run(x, shift)
        upstream = 2 * y.numpy()
        expected = numpy_rubiks_shift(x, shift, num_segments, triple, upstream, mode)
        for our, their in zip((y, of_x, of_shift), expected, strict=True):
            np.testing.assert_allclose(our, their, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_no_frames_give_no_gradient(dtype, mode):
    # A replica of a distributed step can have none of the last batch.
    x = tf.zeros([0, 3, 3, 2], dtype)
    _, y, of_x, of_shift = value_and_gradients(x, random((3, 2), "float32"), 4, mode=mode)
    assert y.shape == of_x.shape == x.shape
    np.testing.assert_array_equal(of_shift, np.zeros([3, 2]))


def test_frames_that_only_the_graph_counts_must_fill_clips():
    specs = [tf.TensorSpec([None, 2, 2, 1]), tf.TensorSpec([3, 1])]
    run = tf.function(lambda x, shift: ops.rubiks_shift(x, shift, 4), input_signature=specs)
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.zeros([6, 2, 2, 1]), tf.zeros([3, 1]))


@pytest.mark.parametrize("mode", MODES)
def test_gradients_in_a_graph_are_the_eager_ones(mode):
    x, shift = random((6, 5, 4, 3), "float32"), random((3, 3), "float32", seed=2)
    eager = value_and_gradients(x, shift, 3, 2, mode)
    graph = tf.function(lambda x, shift: value_and_gradients(x, shift, 3, 2, mode))(x, shift)
    for one, other in zip(eager, graph, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_clip_of_one_frame(mode):
    shift = tf.constant([[0.25, -0.5, 1.0], [0.5, 0.0, -1.0], [0.0, 1.5, 0.25]], tf.float64)
    check(random((3, 4, 4, 3)), shift, 1, 1, mode)


def test_a_spatial_shift_leaves_time_alone():
    x, shift = random((6, 4, 5, 3), "float32"), random((2, 3), "float32", seed=2)
    expected = ops.rubiks_shift(x, tf.concat([tf.zeros([1, 3]), shift], 0), num_segments=3)
    np.testing.assert_array_equal(ops.rubiks_shift(x, shift), expected)
    np.testing.assert_array_equal(ops.rubiks_shift(x, shift, num_segments=4), expected)


def test_takes_numpy_arrays_variables_and_lists():
    x, shift = random((2, 3, 3, 2), "float32").numpy(), [[0.5, 1.0], [0.0, -0.5]]
    expected = ops.rubiks_shift(x, tf.constant(shift))
    np.testing.assert_array_equal(ops.rubiks_shift(x, shift, np.int64(1), [1, 1]), expected)
    np.testing.assert_array_equal(ops.rubiks_shift(x, tf.Variable(shift)), expected)


@pytest.mark.parametrize(
    "shape, shift_shape, kwargs, message",
    [
        ((8, 4, 6), (3, 6), {}, r"known number of channels. Received: x of shape \(8, 4, 6\)"),
        ((8, 4, 4, 6), (6,), {}, r"\[3, channels\].*Received.*shift of shape \(6,\)"),
        ((8, 4, 4, 6), (4, 6), {}, r"\[2, channels\].*Received.*shift of shape \(4, 6\)"),
        ((8, 4, 4, 6), (3, 5), {}, r"\[3, channels\].*Received.*shift of shape \(3, 5\)"),
        ((8, 4, 4, 6), (3, 6), {"num_segments": 0}, "at least 1. Received.*num_segments=0"),
        ((8, 4, 4, 6), (3, 6), {"num_segments": 3}, "multiple of num_segments. Rec.*segments=3"),
        (
            (8, 4, 4, 6),
            (3, 6),
            {"mode": "nearest"},
            "interpolated, quantized. Received: mode='nearest'",
        ),
        ((8, 4, 4, 6), (3, 6), {"strides": 0}, "one integer >= 1.*Received: strides=0"),
        ((8, 4, 4, 6), (3, 6), {"strides": 1.5}, "one integer >= 1.*Received: strides=1.5"),
        (
            (8, 4, 4, 6),
            (3, 6),
            {"strides": (1, -1)},
            r"one integer >= 1.*Received: strides=\(1, -1\)",
        ),
        ((8, 4, 4, 6), (3, 6), {"strides": (2,)}, r"two or three.*Received: strides=\(2,\)"),
        (
            (8, 4, 4, 6),
            (3, 6),
            {"strides": (1,) * 4},
            r"two or three.*Received: strides=\(1, 1, 1, 1\)",
        ),
        ((8, 4, 4, 6), (2, 6), {"strides": (2, 1, 1)}, r"no stride in time. Received.*\(2, 1, 1\)"),
    ],
)
def test_errors(shape, shift_shape, kwargs, message):
    with pytest.raises(ValueError, match=message):
        ops.rubiks_shift(tf.zeros(shape), tf.zeros(shift_shape), **kwargs)


def test_wrong_dtype():
    with pytest.raises(ValueError, match="dtypes float32.* Received: x of int32"):
        ops.rubiks_shift(tf.zeros([1, 2, 2, 2], "int32"), tf.zeros([3, 2]))


@pytest.mark.parametrize("shape", [[4, 2, 2, None], None])
def test_unknown_channels(shape):
    run = tf.function(lambda x: ops.rubiks_shift(x, tf.zeros([3, 2])))
    with pytest.raises(ValueError, match="known number of channels. Received: x of shape"):
        run.get_concrete_function(tf.TensorSpec(shape, "float32"))


def test_num_segments_must_be_an_integer():
    with pytest.raises(TypeError):
        ops.rubiks_shift(tf.zeros([4, 2, 2, 2]), tf.zeros([3, 2]), num_segments=2.0)


def test_gradients_reach_variables_of_any_float_type():
    x = integers((1, 3, 3, 1))
    for dtype in ("float16", "float32", "float64"):
        shift = tf.Variable([[0.25], [0.5]], dtype=dtype)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(ops.rubiks_shift(x, shift) ** 2)
        gradient = tape.gradient(loss, shift)
        assert gradient.dtype == dtype and np.all(gradient.numpy() != 0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_every_value_of_half_precision_and_their_midpoints(dtype):
    every = np.arange(2**16, dtype=np.uint16).view(tf.as_dtype(dtype).as_numpy_dtype)
    size = np.abs(every.astype("float32"))
    # TensorFlow's threads flush the subnormals of float32 to zero.
    x = every[np.isfinite(size) & ((size == 0) | (size >= 4 * np.finfo("float32").tiny))]
    x = x[: len(x) // 16 * 16].reshape(1, 1, -1, 16)
    np.testing.assert_array_equal(ops.rubiks_shift(x, np.zeros([2, 16])), x)
    # Halfway between an element and the next to the right: ties, subnormals of float16, infinities.
    single = x.reshape(1, 1, -1, 1).astype("float32")
    y = ops.rubiks_shift(x.reshape(single.shape), [[0.0], [0.5]])[:, :, :-1]
    halves = single * np.float32(0.5)
    expected = (halves[:, :, 1:] + halves[:, :, :-1]).astype(x.dtype)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("mode", MODES)
def test_a_shift_that_is_not_a_number_makes_its_channel_so(mode):
    x, shift = random((4, 3, 3, 9), "float32"), np.full((3, 9), 0.25, "float32")
    for axis in range(3):
        shift[axis, axis] = np.nan
    _, y, of_x, of_shift = value_and_gradients(x, shift, 4, mode=mode)
    for tensor in (y, of_x, of_shift):
        tensor = np.asarray(tensor).reshape(-1, 9)
        assert np.isnan(tensor[:, :3]).all() and np.isfinite(tensor[:, 3:]).all()


@pytest.mark.parametrize("far", [np.inf, -np.inf, 3e38, 1e18])
def test_an_infinite_shift_reads_zeros(far):
    for axis in range(3):
        shift = np.full((3, 9), 0.25, "float32")
        shift[axis, 4] = far
        _, y, of_x, of_shift = value_and_gradients(random((4, 3, 3, 9), "float32"), shift, 4)
        for tensor in (y, of_x, of_shift):
            tensor = np.asarray(tensor).reshape(-1, 9)
            assert not tensor[:, 4].any() and np.isfinite(tensor).all() and tensor[:, 5].any()


def test_what_is_not_finite_spreads_no_farther_than_the_farthest_shift():
    x = np.ones((3, 1, 9, 8), "float32")
    x[1, 0, 4, 3] = np.nan
    shift = np.full((2, 8), 0.5, "float32")
    shift[1, 0] = 1.5
    y = ops.rubiks_shift(x, shift).numpy()
    assert np.isnan(y[1, 0, 3:5, 3]).all()
    y[1, 0, 2:7, 3] = 0
    assert np.isfinite(y).all()
