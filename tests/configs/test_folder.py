"""The recipe for one's own videos."""

import keras
import pytest

from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training.batch_norm import configure_batch_norm
from tests.configs.every_config import load


def test_from_imagenet_weights_the_backbone_is_handled_with_care():
    config = load("folder", "gsf_mobilenetv2")
    assert config.model.weights == "imagenet"
    assert config.batch_norm.frozen == "all" and not config.batch_norm.reestimate_batches
    assert 0 < config.freeze_backbone_epochs < config.epochs
    assert config.optimizer.head_rate > 1 and config.optimizer.name == "adamw"
    assert config.ema_decay > 0


@pytest.mark.parametrize("row", ["gsf_mobilenetv2,scratch", "gsf_resnet14thin"])
def test_random_weights_learn_from_the_first_step_on(row):
    config = load("folder", row)
    assert config.model.preset == row.split(",")[0]
    assert config.model.weights is None and config.freeze_backbone_epochs == 0
    assert config.batch_norm.frozen == "none" and config.batch_norm.reestimate_batches
    assert config.optimizer.head_rate == 1


def test_a_backbone_without_batch_normalization_has_none_to_freeze():
    assert load("folder", "gsf_convnexttiny").batch_norm.frozen == "none"
    config = load("folder", "tsn_convnexttiny")
    model = from_preset("tsn_convnexttiny", 2, num_segments=1, input_shape=(32, 32, 3))
    assert not find_layers(model, keras.layers.BatchNormalization)
    configure_batch_norm(model, 0.9, False, config.batch_norm.frozen)


def test_both_say_how_long_they_take_and_when_to_end():
    for row in ("tsn_mobilenetv2", "tsn_mobilenetv2,scratch"):
        config = load("folder", row)
        assert config.estimate_steps and config.early_stopping_epochs
        # Tests have no GPU.
        assert config.model.image_size == 160


def test_something_else_after_the_preset_is_an_error():
    with pytest.raises(UserError, match=r"Received: 'gsf_mobilenetv2,noise'\. Use .*,scratch`"):
        load("folder", "gsf_mobilenetv2,noise")
