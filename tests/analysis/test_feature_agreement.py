import keras
import numpy as np
import pytest

from gsf_tf.analysis import feature_agreement
from gsf_tf.models import from_preset

CLIPS = np.random.default_rng(0).integers(0, 256, (2, 2, 32, 32, 3), "uint8")


def model(preset="gsf_resnet14thin", **options):
    return from_preset(preset, 3, num_segments=2, input_shape=(32, 32, 3), **options)


def constant_factor(factor):
    """A network whose features are its input's means times factors per channel."""
    inputs = keras.Input((4, 4, 3))
    outputs = inputs * np.asarray(factor, "float32")
    return keras.Model(inputs, outputs, name="factors")


def test_correlation_and_difference_are_those_of_the_mean_features():
    frames = np.ones((2, 4, 4, 3), "float32")
    frames[:, 0] = 5  # The mean is 2.
    found = feature_agreement(constant_factor([1, 2, 3]), constant_factor([3, 1, 2]), frames)
    assert found.correlation == pytest.approx(-0.5)
    assert found.difference == pytest.approx(2 / 3)
    assert str(found) == (
        "factors: with its 0 temporal layers, the features correlate with those of the backbone "
        "at -0.50 (largest difference 0.67 of the largest feature)"
    )


def test_segment_models_and_their_backbones():
    gsf, tsn = model(start="identity"), model("tsn_resnet14thin")
    for layer in tsn.backbone.layers[1:]:
        layer.set_weights(gsf.backbone.get_layer(layer.name).get_weights())
    found = feature_agreement(gsf, tsn, CLIPS)
    # These are another order of the filters, because the backbone is not the one before.
    assert found.temporal_layers == 4 and found.correlation < 0.99
    assert feature_agreement(gsf, gsf, CLIPS).correlation == pytest.approx(1)
    inside = feature_agreement(gsf.backbone, tsn.backbone, CLIPS.reshape(4, 32, 32, 3) / 255)
    assert inside.temporal_layers == 4


def test_what_cannot_be_compared():
    gsf = model()
    with pytest.raises(ValueError, match="both be a SegmentModel.*a SegmentModel and a Functional"):
        feature_agreement(gsf, gsf.backbone, CLIPS)
    thin, frames = constant_factor([1, 2, 3]), np.ones((2, 4, 4, 3), "float32")
    narrow = keras.Model(thin.input, thin.output[..., :2], name="narrow")
    with pytest.raises(ValueError, match=r"the same shape. Received: \(2, 3\) and \(2, 2\)"):
        feature_agreement(thin, narrow, frames)
    with pytest.raises(ValueError, match="'factors', whose features are all 0"):
        feature_agreement(constant_factor([0, 0, 0]), thin, frames)
