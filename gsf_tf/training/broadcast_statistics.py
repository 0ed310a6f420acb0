import numpy as np


def broadcast_statistics(model, devices):
    """Gives all replicas the first one's moving statistics, as checkpoints and saved models do.

    In training every replica moves those of its own share of the batches (unless batch
    normalization is synchronized), and nothing reads them. Evaluation does, and must not depend
    on the replica that a clip comes to. To be called on all workers at the same place.

    Args:
        model: Built Keras model.
        devices: `Devices`.
    """
    weights = model.non_trainable_weights
    if devices.num_replicas == 1 or not weights:
        return
    values = [weight.numpy() for weight in weights]
    shared = devices.from_chief(np.concatenate([value.ravel() for value in values]))
    parts = np.split(shared, np.cumsum([value.size for value in values])[:-1])
    for weight, value, part in zip(weights, values, parts, strict=True):
        weight.assign(part.reshape(value.shape).astype(value.dtype))
