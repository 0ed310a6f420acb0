"""The authors' RandAugment against closed forms at magnitude 9, and against Pillow."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from gsf_tf.data.pipeline.augmentation.authors_operations import authors_operations
from gsf_tf.data.pipeline.augmentation.draw import Draw
from gsf_tf.data.pipeline.augmentation.rand_augment import VARIANTS

FILL = (124, 116, 104)


operations = functools.cache(authors_operations)


@functools.cache
def operation(name):
    def run(frames, magnitude, sign, cubic):
        return operations()[name](frames, Draw(magnitude, magnitude / 10, sign, cubic))

    scalar, frames = tf.TensorSpec([]), tf.TensorSpec([2, None, None, 3], tf.uint8)
    signature = [frames, scalar, scalar, tf.TensorSpec([], tf.bool)]
    return tf.function(run, input_signature=signature, autograph=False)


def changed(name, frames, magnitude=9.0, sign=1.0, cubic=False):
    return operation(name)(np.uint8(frames), magnitude, sign, cubic).numpy()


# ---- Closed forms ---------------------------------------------------------------------------


VALUES = np.arange(256).reshape(16, 16)
# Every value from 0 to 255 in each channel, in two orders.
ALL_VALUES = np.stack([
    np.stack([VALUES, VALUES.T, VALUES[::-1]], axis=-1),
    np.stack([VALUES[:, ::-1], VALUES, VALUES], axis=-1),
])  # fmt: skip


@pytest.mark.parametrize(
    "name, expected",
    [
        ("invert", lambda x: 255 - x),
        ("posterize", lambda x: x // 32 * 32),
        ("solarize", lambda x: np.where(x < 230, x, 255 - x)),
        ("solarize_add", lambda x: np.where(x < 128, np.minimum(x + 99, 255), x)),
        ("brightness", lambda x: np.minimum(np.floor(1.72 * x + 1e-4), 255)),
        # The mean gray value of the first frame is 127.5, of the second 127.5; rounded up 128.
        ("contrast", lambda x: np.clip(np.trunc(128 + 1.72 * (x - 128)), 0, 255)),
        ("auto_contrast", lambda x: x),
        ("equalize", lambda x: x),
    ],
)
def test_values_at_magnitude_9(name, expected):
    np.testing.assert_array_equal(changed(name, ALL_VALUES), expected(ALL_VALUES))


def test_contrast_stretches_the_range_that_there_is():
    np.testing.assert_allclose(
        changed("auto_contrast", ALL_VALUES // 3 + 50), ALL_VALUES // 3 * 3, atol=1
    )


def test_equalizing_gives_each_value_the_share_of_the_pixels_below_it():
    # A quarter of the pixels each at 10, 20, 30 and 40; the last 64 do not count in the step.
    frames = np.repeat(ALL_VALUES[..., :1] // 64 * 10 + 10, 3, axis=-1)
    step = (256 - 64) // 255
    assert step == 0
    np.testing.assert_array_equal(changed("equalize", frames), frames)
    large = np.repeat(np.repeat(frames, 4, axis=1), 4, axis=2)
    step = (4096 - 1024) // 255
    expected = [min((step // 2 + 1024 * below) // step, 255) for below in range(4)]
    np.testing.assert_array_equal(changed("equalize", large), np.take(expected, large // 10 - 1))


def test_color_moves_away_from_the_gray_value():
    frames = np.random.default_rng(0).integers(0, 256, [2, 9, 9, 3])
    gray = (frames @ [0.299, 0.587, 0.114])[..., None]
    expected = np.clip(gray + 1.72 * (frames - gray), 0, 255)
    np.testing.assert_allclose(changed("color", frames), expected, atol=1)


def test_sharpness_moves_away_from_the_smooth_picture():
    frames = np.zeros([2, 5, 5, 3])
    frames[:, 2, 2] = 130
    smooth = np.full([3, 3], 10.0)
    smooth[1, 1] = 50
    expected = np.zeros([5, 5])
    expected[1:4, 1:4] = np.clip(smooth + 1.72 * (frames[0, 1:4, 1:4, 0] - smooth), 0, 255)
    np.testing.assert_allclose(changed("sharpness", frames)[1, ..., 2], expected, atol=1)


def triangle(x):
    return np.maximum(1 - np.abs(x), 0)


def keys(x, a=-1):
    """Keys' cubic kernel: "Cubic Convolution Interpolation", equation (8)."""
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))


@pytest.mark.parametrize("kernel", [triangle, keys])
@pytest.mark.parametrize("sign", [-1, 1])
def test_places_at_magnitude_9(sign, kernel):
    """Every column of the result against a sum over the whole row."""
    side = 40
    row = np.random.default_rng(0).integers(0, 256, side)
    frame = np.broadcast_to(row[None, :, None], [side, side, 3])
    place = np.arange(side) + 0.5
    # Beyond its ends, a row goes on with its first and its last value.
    far = np.arange(-2, side + 2)
    ahead = row[np.clip(far, 0, side - 1)]
    for name, from_x in {
        "translate_x": np.broadcast_to(place + sign * 0.405 * side, [side, side]),
        "shear_x": place[None] + sign * 0.27 * place[:, None],
    }.items():
        values = np.clip(kernel(from_x[..., None] - 0.5 - far) @ ahead, 0, 255)
        outside = (from_x < 0) | (from_x >= side)
        assert 0 < outside.sum() < side**2
        expected = np.where(outside[..., None], FILL, values[..., None])
        for axis, picture in (("x", frame), ("y", frame.swapaxes(0, 1))):
            moved = changed(name[:-1] + axis, [picture] * 2, sign=sign, cubic=kernel is keys)
            result = expected if axis == "x" else expected.swapaxes(0, 1)
            for each in moved:
                np.testing.assert_allclose(each, result, atol=1)
                is_fill = outside if axis == "x" else outside.T
                assert (each[is_fill] == FILL).all()


@pytest.mark.parametrize("sign", [-1, 1])
def test_rotation_at_magnitude_9_is_by_27_degrees(sign):
    """A plane stays a plane, whose slope turns."""
    side = 41
    place = np.arange(side) - side // 2
    x, y = np.meshgrid(place, place)
    frames = np.broadcast_to((120 + 4.0 * x)[..., None], [2, side, side, 3])
    angle = sign * np.radians(27)
    expected = 120 + 4 * (np.cos(angle) * x - np.sin(angle) * y)
    moved = changed("rotate", frames, sign=sign)[0, ..., 0]
    inner = np.hypot(x, y) < side / 2 - 2
    assert np.abs(moved - expected)[inner].max() <= 1
    np.testing.assert_array_equal(changed("rotate", frames)[0, 0, 0], FILL)


# ---- Pillow -----------------------------------------------------------------------------------


def by_pillow(name, image, magnitude, sign, cubic):
    """The operation as timm has it: what it calls, and with what."""
    share, (width, height) = magnitude / 10, image.size
    interpolation = Image.Resampling.BICUBIC if cubic else Image.Resampling.BILINEAR
    outside = {"resample": interpolation, "fillcolor": FILL}

    def affine(*matrix):
        return image.transform(image.size, Image.Transform.AFFINE, matrix, **outside)

    def enhance(kind):
        return kind(image).enhance(0.1 + 1.8 * share)

    shear, shift = sign * 0.3 * share, sign * 0.45 * share
    return {
        "auto_contrast": lambda: ImageOps.autocontrast(image),
        "equalize": lambda: ImageOps.equalize(image),
        "invert": lambda: ImageOps.invert(image),
        "rotate": lambda: image.rotate(sign * 30 * share, **outside),
        "posterize": lambda: ImageOps.posterize(image, int(4 * share)),
        "solarize": lambda: ImageOps.solarize(image, int(256 * share)),
        "color": lambda: enhance(ImageEnhance.Color),
        "contrast": lambda: enhance(ImageEnhance.Contrast),
        "brightness": lambda: enhance(ImageEnhance.Brightness),
        "sharpness": lambda: enhance(ImageEnhance.Sharpness),
        "shear_x": lambda: affine(1, shear, 0, 0, 1, 0),
        "shear_y": lambda: affine(1, 0, 0, shear, 1, 0),
        "translate_x": lambda: affine(1, 0, shift * width, 0, 1, 0),
        "translate_y": lambda: affine(1, 0, 0, 0, 1, shift * height),
    }[name]()


def make_pictures():
    """Pairs of frames: smooth, noisy, narrow in range, overexposed, of one value, and tiny."""
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.linspace(0, 200, 37), np.linspace(0, 55, 51))[..., None] * (
        1,
        0.7,
        0.4,
    )
    overexposed = rng.integers(0, 256, [2, 40, 40, 3])
    overexposed[:, :20] = 255
    return {
        "smooth": np.stack([smooth, smooth[::-1]]),
        "noisy": rng.integers(0, 256, [2, 37, 51, 3]),
        "narrow": rng.integers(60, 200, [2, 60, 33, 3]),
        "overexposed": overexposed,
        "flat": np.full([2, 9, 11, 3], 77),
        "tiny": rng.integers(0, 256, [2, 2, 2, 3]),
        "a pixel": rng.integers(0, 256, [2, 1, 1, 3]),
    }


PICTURES = {name: np.uint8(frames) for name, frames in make_pictures().items()}


@pytest.mark.parametrize("name", [n for n in VARIANTS["authors"].names if n != "solarize_add"])
def test_whole_pictures_are_those_of_pillow(name):
    for magnitude in (0.0, 4.375, 9.0, 10.0):
        for sign, cubic in ((1, False), (-1, False), (1, True), (-1, True)):
            for kind, frames in PICTURES.items():
                moved = changed(name, frames, magnitude, sign, cubic).astype(int)
                expected = np.stack([
                    np.asarray(by_pillow(name, Image.fromarray(frame), magnitude, sign, cubic))
                    for frame in frames
                ])  # fmt: skip
                assert np.abs(moved - expected).max() <= 1, (kind, magnitude, sign, cubic)
