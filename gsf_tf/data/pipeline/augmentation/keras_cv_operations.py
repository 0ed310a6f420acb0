"""The operations of RandAugment's variant `keras_cv`: keras-cv's layers, and their strengths."""

import math
from collections.abc import Callable

from gsf_tf.data.pipeline.augmentation.keras_cv_layers import KerasCvLayers


def keras_cv_operations() -> dict[str, Callable]:
    """Returns the operations of the variant `keras_cv` by their names.

    The strengths at magnitude m are those of timm's increasing set (`inc1`):

    - solarize: inverts values from 255 - 25.5 m upwards;
    - color, contrast, sharpness: factor 1 +- 0.09 m;
    - brightness: +- 0.04 m of the value range (keras-cv adds, timm multiplies);
    - rotate by +- 3 m degrees, shear by +- 0.03 m, translate by +- 0.045 m of the side;
    - auto-contrast and equalize, which have no strength.

    Returns:
        A dictionary of functions from frames, uint8 `[T, H, W, 3]`, and a `Draw` to frames.

    Raises:
        DataError: If keras-cv is not installed.
    """
    layers = KerasCvLayers()

    def signed(draw, most):
        return most * draw.level * draw.sign

    return {
        "auto_contrast": lambda frames, draw: layers.auto_contrast(frames),
        "equalize": lambda frames, draw: layers.equalize(frames),
        "solarize": lambda frames, draw: layers.solarize(frames, 255 * (1 - draw.level)),
        "color": lambda frames, draw: layers.color(frames, signed(draw, 0.9)),
        "contrast": lambda frames, draw: layers.contrast(frames, 1 + signed(draw, 0.9)),
        "brightness": lambda frames, draw: layers.brightness(frames, signed(draw, 0.4 * 255)),
        "sharpness": lambda frames, draw: layers.sharpness(frames, signed(draw, 0.9)),
        "rotate": lambda frames, draw: layers.rotate(frames, signed(draw, math.radians(30))),
        "shear_x": lambda frames, draw: layers.shear_x(frames, signed(draw, 0.3)),
        "shear_y": lambda frames, draw: layers.shear_y(frames, signed(draw, 0.3)),
        "translate_x": lambda frames, draw: layers.translate(frames, signed(draw, 0.45), 0.0),
        "translate_y": lambda frames, draw: layers.translate(frames, 0.0, signed(draw, 0.45)),
    }
