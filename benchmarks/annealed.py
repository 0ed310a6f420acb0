"""RubiksNets with attention as their training ends, without the training."""

import keras
import numpy as np

from gsf_tf.layers import AttentionShift
from gsf_tf.models.layer_lookup import find_layers


def anneal(model, moved_share):
    """Gives every `AttentionShift` distributions that are one-hot.

    Args:
        model: A model of a preset `rubiksnet_*_aq`; changed in place.
        moved_share: The share of the channels that read another frame, half of them the one before.
    """
    for number, layer in enumerate(find_layers(model, AttentionShift)):
        channels = layer.attention.shape[1]
        moved = round(moved_share * channels / 2)
        winners = np.ones(channels, int)
        winners[:moved], winners[moved : 2 * moved] = 0, 2
        winners = np.random.default_rng(number).permutation(winners)
        layer.attention.assign(keras.ops.one_hot(winners, 3, axis=0))
        layer.temperature.assign(1e-3)
