"""The random states of a model's layers, such as those of dropout."""

# Large and odd, so that the seeds of replicas are those of no other layer.
STRIDE = 1_000_003


def random_states(model):
    """Returns the state variables of a model's seed generators, `[2]` each: seed and draws."""
    weights = {id(weight) for weight in model.weights}
    return [v.value for v in model.variables if id(v) not in weights]


def separate_replicas(states, first_replica=0):
    """Gives every replica random numbers of its own, made from those of replica 0.

    Keras makes the states equal on all replicas, whose dropout would then leave out the same units.
    A checkpoint holds replica 0's, so this is to be called after restoring too.

    Args:
        states: What `random_states` returns, as on replica 0.
        first_replica: Number of this worker's first replica among those of all workers.
    """
    for state in states:
        components = getattr(state, "values", (state,))
        seed, draws = components[0].numpy()
        for replica, component in enumerate(components, start=first_replica):
            component.assign([seed + replica * STRIDE, draws])
