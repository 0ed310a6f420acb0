"""Pairs of classes that differ in the direction of time, and how well a model tells them apart."""

import numpy as np

from gsf_tf.tasks import ACTION

# Behind the name of a class: its clips played backward.
BACKWARD = "_backward"


def right_directions(scores):
    """Returns the share of clips whose direction is right, for each pair of classes.

    Args:
        scores: `Scores` of clips in both directions.

    Returns:
        Dictionary from a class to the share, empty if no class has a backward one.
    """
    names, labels = scores.class_names[ACTION], scores.labels[ACTION]
    shares = {}
    for forward, name in enumerate(names):
        if name + BACKWARD not in names:
            continue
        pair = [forward, names.index(name + BACKWARD)]
        of_pair = np.isin(labels, pair)
        says_backward = np.diff(scores.logits[ACTION][of_pair][:, pair])[:, 0] > 0
        shares[name] = float(np.mean(says_backward == (labels[of_pair] == pair[1])))
    return shares
