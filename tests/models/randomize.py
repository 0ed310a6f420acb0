"""Weights for tests in which every part of a model shows in its output."""

import keras
import numpy as np


def randomize(model, clip):
    """Gives every weight a value of its own and the moving statistics those of a batch."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(np.asarray(weight) + rng.uniform(-0.3, 0.3, weight.shape))
    classifier = model.get_layer("classifier").kernel
    classifier.assign(rng.normal(size=classifier.shape))
    normalizations = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(clip, training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum
