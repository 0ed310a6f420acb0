import math


def trainable_parameters(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)
