import keras

from gsf_tf.errors import UserError
from gsf_tf.layers import MotionSqueeze
from gsf_tf.layers.gated_shift import GatedShift
from gsf_tf.models.layer_lookup import find_layers

FROZEN = ("none", "all", "all_but_first")


def configure_batch_norm(model, momentum, synchronized, frozen):
    """Configures the batch normalization of a model for training.

    A frozen layer normalizes with its moving statistics, which do not change, and its scale and
    offset are not trained. Freezing is meant for layers with pretrained weights; the layers inside
    of GSF, GSM and MotionSqueeze are new and are trained with the layer around them.

    Args:
        model: Model that has not been called in a `tf.function` yet.
        momentum: Share of the old moving statistics that a step keeps, in [0, 1).
        synchronized: Whether the statistics are those of the batch over all devices.
        frozen: `"none"`, `"all"`, or `"all_but_first"`, which is TSN's partial batch
            normalization.

    Raises:
        UserError: If a value is outside its range, or there is no layer to freeze.

    Reference:
        Wang et al., Temporal Segment Networks, ECCV 2016, section 3.2, "partial BN".
    """
    if not 0 <= momentum < 1:
        raise UserError(f"`config.batch_norm.momentum` must be in [0, 1). Received: {momentum}")
    if frozen not in FROZEN:
        raise UserError(
            f"`config.batch_norm.frozen` must be one of {', '.join(FROZEN)}. Received: {frozen!r}"
        )
    layers = find_layers(model, keras.layers.BatchNormalization)
    gates = [gate for gate in find_layers(model, GatedShift) if gate.gate == "learned"]
    if frozen != "none" and not layers:
        raise UserError(
            "`config.batch_norm.frozen` must be 'none' for a model without batch normalization. "
            f"Received: {frozen!r} for {model.name}"
        )
    squeezes = find_layers(model, MotionSqueeze)
    inside = [gate.normalization for gate in gates]
    inside += [layer for squeeze in squeezes for layer in squeeze.normalizations]
    # Those that contain normalizations keep the values for `get_config`.
    for layer in [*layers, *gates, *squeezes, *inside]:
        layer.momentum = momentum
        layer.synchronized = synchronized
    first = {"none": len(layers), "all": 0, "all_but_first": 1}[frozen]
    for layer in layers[first:]:
        layer.trainable = False
