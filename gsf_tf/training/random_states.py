"""The random states of a model's layers, such as those of dropout."""

import contextlib

# Large and odd, so that no replica gets the seed of another layer.
STRIDE = 1_000_003


def random_states(model):
    """Returns the state variables of a model's seed generators, `[2]` each: seed and draws."""
    weights = {id(weight) for weight in model.weights}
    return [v.value for v in model.variables if id(v) not in weights]


def separate_replicas(states, first_replica=0):
    """Sets the random states of every replica to different values, derived from replica 0's.

    Keras creates equal states on all replicas, whose dropout would then drop the same units. A
    checkpoint holds the states of replica 0, so call this function also after restoring one.

    Args:
        states: Result of `random_states`, with the values of replica 0.
        first_replica: Index of this worker's first replica among those of all workers.
    """
    for state in states:
        components = getattr(state, "values", (state,))
        seed, draws = components[0].numpy()
        for replica, component in enumerate(components, start=first_replica):
            component.assign([seed + replica * STRIDE, draws])


@contextlib.contextmanager
def kept_states(states):
    """Restores the random states of every replica when a `with` block ends.

    Args:
        states: Result of `random_states`.
    """
    components = [part for state in states for part in getattr(state, "values", (state,))]
    values = [component.numpy() for component in components]
    try:
        yield
    finally:
        for component, value in zip(components, values, strict=True):
            component.assign(value)
