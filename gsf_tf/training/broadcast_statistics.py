import numpy as np


def broadcast_statistics(model, devices):
    """Copies the moving statistics of the first replica to all replicas.

    In training, every replica updates its own moving statistics with its share of the batches
    (unless batch normalization is synchronized). Evaluation uses them and must not depend on the
    replica that scores a clip. Checkpoints and saved models hold those of the first replica, too.
    All workers must call this function together.

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
