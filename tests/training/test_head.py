import re

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.models import from_preset
from gsf_tf.training import CoupledSGD
from gsf_tf.training.gradient_accumulator import GradientAccumulator
from gsf_tf.training.head import frozen_backbone, head_group
from gsf_tf.training.steps import train_step

CLIP = tf.constant(np.random.default_rng(0).integers(0, 256, (2, 2, 32, 32, 3), "uint8"))


def gsf():
    keras.utils.set_random_seed(0)
    return from_preset("gsf_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))


def test_the_group_of_the_head_has_the_linear_layer_alone():
    model = gsf()
    group = head_group(model, 5.0)
    found = [v.path for v in model.trainable_variables if re.search(group.pattern, v.path)]
    assert [path.split("/")[-2:] for path in found] == [
        ["classifier", "kernel"],
        ["classifier", "bias"],
    ]
    assert group.learning_rate == 5.0 and group.name == "head"


def test_a_frozen_backbone_keeps_all_it_has_and_comes_back():
    model = gsf()
    trainable = [v.path for v in model.trainable_variables]
    optimizer = CoupledSGD(0.1, l2=0.1)
    optimizer.build(model.trainable_variables)
    own = {id(v) for v in model.get_layer("classifier").weights}
    before = [np.array(v) for v in model.weights]
    with frozen_backbone(model):
        accumulator = GradientAccumulator(model.trainable_variables, 2)
        assert all(id(v) in own for v in model.trainable_variables)
        for update in (False, True):
            train_step(
                model, optimizer, CLIP, tf.constant([0, 1]), global_batch_size=4,
                label_smoothing=0.0, accumulator=accumulator, update=update,
            )  # fmt: skip
    for weight, old in zip(model.weights, before, strict=True):
        changed = not np.array_equal(np.array(weight), old)
        assert changed == (id(weight) in own), weight.path
    assert [v.path for v in model.trainable_variables] == trainable


def test_layers_that_were_frozen_before_stay_frozen():
    model = gsf()
    bn = model.backbone.get_layer("bn1") if hasattr(model, "backbone") else model.get_layer("bn1")
    bn.trainable = False
    with frozen_backbone(model):
        pass
    assert not bn.trainable
