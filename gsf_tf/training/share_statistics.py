def share_statistics(model):
    """Gives all replicas the first one's moving statistics, as checkpoints and saved models do.

    In training every replica moves those of its own share of the batches (unless batch
    normalisation is synchronized), and nothing reads them. Evaluation does, and must not depend
    on the replica that a clip comes to.
    """
    for weight in model.non_trainable_weights:
        if len(getattr(weight.value, "values", ())) > 1:
            weight.assign(weight.numpy())
