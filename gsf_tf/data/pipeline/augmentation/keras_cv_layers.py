"""keras-cv's layers as functions of a clip and of a strength, without their random draws."""

import tensorflow as tf

from gsf_tf.errors import DataError

# The value of pixels that a shear, a rotation or a translation moves in from outside the frame.
_FILL = 128.0


class KerasCvLayers:
    """keras-cv's layers with strengths that the caller has drawn.

    The layers separate drawing from applying. Each method applies one to all frames of a clip with
    the same strength, a float32 scalar. Frames are uint8 `[T, H, W, 3]`, before and after.

    Raises:
        DataError: If keras-cv is not installed.
    """

    def __init__(self):
        try:
            from keras_cv import layers
        except ImportError as error:
            raise DataError(
                f"`rand_augment` needs keras-cv. Received: {error}. Install it with "
                "`pip install 'gsf_tf[augment]'`, or set `rand_augment` to 0."
            ) from error
        value_range = (0, 255)
        # Not the precision of Keras' policy, which may be lower.
        dtype = {"dtype": "float32"}
        geometry = {"fill_mode": "constant", "fill_value": _FILL} | dtype
        self._auto_contrast = layers.AutoContrast(value_range, **dtype)
        self._equalization = layers.Equalization(value_range, **dtype)
        self._solarization = layers.Solarization(value_range, **dtype)
        self._color = layers.RandomColorDegeneration(0.5, **dtype)
        self._contrast = layers.RandomContrast(value_range, 0.5, **dtype)
        self._brightness = layers.RandomBrightness(0.5, value_range, **dtype)
        self._sharpness = layers.RandomSharpness(0.5, value_range, **dtype)
        self._rotation = layers.RandomRotation(0.5, **geometry)
        self._shear = layers.RandomShear(0.5, 0.5, **geometry)
        self._translation = layers.RandomTranslation(0.5, 0.5, **geometry)

    def auto_contrast(self, frames: tf.Tensor) -> tf.Tensor:
        """Stretches each channel of each frame to 0..255."""
        return _apply(self._auto_contrast, frames, None)

    def equalize(self, frames: tf.Tensor) -> tf.Tensor:
        """Equalizes the histogram of each channel of each frame."""
        return _apply(self._equalization, frames, None)

    def solarize(self, frames: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
        """Inverts values from a threshold upwards."""
        values = {"additions": _same(0.0, frames), "thresholds": _same(threshold, frames)}
        return _apply(self._solarization, frames, values)

    def color(self, frames: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """Blends frames with a share of their gray values; a negative share adds color."""
        return _apply(self._color, frames, _same(share, frames))

    def contrast(self, frames: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
        """Multiplies the distances from the mean of each channel of each frame."""
        return _apply(self._contrast, frames, _same(factor, frames))

    def brightness(self, frames: tf.Tensor, addend: tf.Tensor) -> tf.Tensor:
        """Adds a number to all values."""
        return _apply(self._brightness, frames, _same(addend, frames))

    def sharpness(self, frames: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """Blends frames with a share of the smoothed frames; a negative share sharpens."""
        return _apply(self._sharpness, frames, _same(share, frames))

    def rotate(self, frames: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
        """Rotates frames around their centers by an angle in radians."""
        return _apply(self._rotation, frames, {"angles": _same(angle, frames, 1)})

    def shear_x(self, frames: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
        """Moves each row along its direction, in proportion to its number."""
        values = {"shear_x": _same(slope, frames, 2), "shear_y": None}
        return _apply(self._shear, frames, values)

    def shear_y(self, frames: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
        """Moves each column along its direction, in proportion to its number."""
        values = {"shear_x": None, "shear_y": _same(slope, frames, 2)}
        return _apply(self._shear, frames, values)

    def translate(self, frames: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Moves frames by shares of their width and of their height."""
        values = {
            "height_translations": _same(y, frames, 2),
            "width_translations": _same(x, frames, 2),
        }
        return _apply(self._translation, frames, values)


def _same(value, frames, rank=4):
    return tf.fill([tf.shape(frames)[0]] + [1] * (rank - 1), value)


def _apply(layer, frames, transformations):
    # Some of keras-cv's layers branch on tensors in Python, but pipelines turn autograph off.
    augment = tf.function(layer.augment_images, autograph=True)
    changed = augment(tf.cast(frames, tf.float32), transformations=transformations)
    changed = tf.cast(tf.round(tf.clip_by_value(changed, 0.0, 255.0)), tf.uint8)
    return tf.ensure_shape(changed, frames.shape)
