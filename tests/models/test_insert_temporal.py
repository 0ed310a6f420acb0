import keras
import numpy as np
import pytest

from gsf_tf.layers import GateShiftFuse, TemporalShift
from gsf_tf.models import insert_temporal


@pytest.fixture(scope="module")
def mobilenet():
    return keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None
    )


class AddOne(keras.layers.Layer):
    def call(self, inputs):
        return inputs + 1


def make_add_one(name):
    return AddOne(name=name)


def small_residual_backbone():
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(2, 1, kernel_initializer="ones", name="conv")(inputs)
    y = keras.layers.Rescaling(10.0, name="branch")(x)
    return keras.Model(inputs, keras.layers.Add(name="add")([x, y]), name="small")


def test_after_changes_the_output_for_every_reader():
    model = insert_temporal(small_residual_backbone(), make_add_one, after=["conv"])
    # conv of ones sums two channels: 2; plus one: 3; 3 + 10 * 3.
    np.testing.assert_array_equal(model(np.ones((1, 4, 4, 2))), np.full((1, 4, 4, 2), 33.0))


def test_before_leaves_the_identity_path_alone():
    model = insert_temporal(small_residual_backbone(), make_add_one, before=["branch"])
    # identity 2; branch 10 * (2 + 1).
    np.testing.assert_array_equal(model(np.ones((1, 4, 4, 2))), np.full((1, 4, 4, 2), 32.0))
    assert model.get_layer("branch_temporal")


def test_weights_are_kept(mobilenet):
    model = insert_temporal(
        mobilenet, lambda name: TemporalShift(1, name=name), after=["block_3_project"]
    )
    assert model.get_layer("Conv1") is mobilenet.get_layer("Conv1")
    assert model.output_shape == mobilenet.output_shape
    assert [w.path for w in model.weights] == [w.path for w in mobilenet.weights]


@pytest.mark.parametrize(
    ("build", "after"),
    [
        (keras.applications.MobileNetV2, "block_6_project"),
        (keras.applications.MobileNetV3Small, "expanded_conv_3_project"),
        (keras.applications.ResNet50, "conv3_block1_3_conv"),
        (keras.applications.ResNet50V2, "conv3_block1_3_conv"),
        (keras.applications.EfficientNetB0, "block3b_project_conv"),
        (keras.applications.DenseNet121, "conv3_block1_2_conv"),
        (keras.applications.InceptionV3, "mixed3"),
        (keras.applications.ConvNeXtTiny, "convnext_tiny_stage_1_block_0_pointwise_conv_2"),
    ],
)
def test_keras_applications(build, after):
    backbone = build(input_shape=(96, 96, 3), include_top=False, weights=None)
    before = backbone.count_params()
    channels = backbone.get_layer(after).output.shape[-1]
    model = insert_temporal(backbone, lambda name: GateShiftFuse(2, name=name), after=[after])
    assert model.count_params() == before + 29 * channels + 40 + 2 * channels
    x = np.random.default_rng(0).normal(size=(4, 96, 96, 3)).astype("float32")
    assert np.isfinite(np.asarray(model(x))).all()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"after": ["block_3_projekt"]}, "'block_3_projekt'. Did you mean 'block_3_project'"),
        ({}, "At least one layer"),
        ({"after": ["Conv1"], "before": ["Conv1"]}, "named once.*'Conv1'"),
    ],
)
def test_bad_places(mobilenet, kwargs, message):
    with pytest.raises(ValueError, match=message):
        insert_temporal(mobilenet, make_add_one, **kwargs)


def test_a_subclassed_backbone_is_an_error():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="functional.*Subclassed"):
        insert_temporal(Subclassed(), make_add_one, after=["x"])


def test_a_layer_called_twice_is_an_error():
    inputs = keras.Input((4,))
    dense = keras.layers.Dense(4, name="shared")
    model = keras.Model(inputs, dense(dense(inputs)))
    with pytest.raises(ValueError, match="'shared', which it calls several times"):
        insert_temporal(model, make_add_one, after=["shared"])


def test_inserting_twice_into_the_same_backbone(mobilenet):
    make = lambda name: TemporalShift(2, name=name)  # noqa: E731
    once = insert_temporal(mobilenet, make, after=["block_3_project"])
    twice = insert_temporal(once, make, after=["block_6_project"])
    names = [layer.name for layer in twice.layers]
    assert "block_3_project_temporal" in names and "block_6_project_temporal" in names
