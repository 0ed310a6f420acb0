"""Small models of all families, with random weights, and clips for them."""

import keras
import numpy as np

from gsf_tf.data import LabelMap
from gsf_tf.models import from_preset, harden
from tests.models.randomize import randomize

LABELS = LabelMap(["down", "left", "up"])
# What LiteRT and ONNX models are made of in the tests.
CASES = (
    *("gsf_resnet14thin", "tsm_resnet14thin", "gsf_mobilenetv2", "tsm_mobilenetv2"),
    *("gsf_bninception", "rubiksnet_mini", "rubiksnet_mini_aq hardened"),
)


# Maps of one pixel have batch statistics that make differences of rounding a thousand times larger.
_SIDES = {"inceptionv3": 139, "mobilenetv2": 64, "bninception": 64}


def side(case):
    """Returns height and width of the frames of a preset's model."""
    return _SIDES.get(case.split("_", 1)[1], 32)


def clips(number, size=32):
    """Returns the same random clips of two frames in every call."""
    shape = (number, 2, size, size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def build(case):
    """Returns the model of a preset; `"<preset> hardened"` has integer shifts."""
    preset, *hardened = case.split()
    size = side(case)
    keras.utils.set_random_seed(0)
    model = from_preset(preset, 3, num_segments=2, input_shape=(size, size, 3))
    randomize(model, clips(3, size))
    return harden(model).model if hardened else model
