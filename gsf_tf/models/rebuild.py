import keras

from gsf_tf.models.layer_lookup import classifiers
from gsf_tf.models.segment_model import SegmentModel


def rebuild(model, replace, before=None, **changes):
    """Builds a segment model anew with other layers in some places, and copies the weights.

    The new model shares nothing with the old one. A layer keeps its name; a layer of another
    class gets its weights from `replace`.

    Args:
        model: `SegmentModel`.
        replace: Callable from a layer of the backbone to None (the layer is copied), or to a pair:
            the new layer, and a callable without arguments that sets the new layer's weights.
        before: Callable from a layer of the backbone to a new layer that its input goes through,
            or None for no such layer.
        **changes: Arguments of `SegmentModel` that differ from the old model's.

    Returns:
        A `SegmentModel`.
    """
    fill = []

    def clone(layer):
        replaced = replace(layer)
        if replaced is None:
            copy = layer.__class__.from_config(layer.get_config())
            fill.append(lambda: copy.set_weights(layer.get_weights()))
            return copy
        fill.append(replaced[1])
        return replaced[0]

    def call(layer, *args, **kwargs):
        inserted = before(layer) if before else None
        if inserted is not None:
            first, *rest = args
            args = (inserted(first), *rest)
        return layer(*args, **kwargs)

    backbone = keras.models.clone_model(model.backbone, clone_function=clone, call_function=call)
    config = model.get_config()
    config.update(changes, backbone=backbone)
    # Set to True, it would free the layers that are frozen one by one.
    is_frozen = not config.pop("trainable")
    rebuilt = SegmentModel(**config)
    if is_frozen:
        rebuilt.trainable = False
    for set_weights in fill:
        set_weights()
    old_classifiers = classifiers(model)
    for name, new in classifiers(rebuilt).items():
        old = old_classifiers.get(name)
        if old is not None and old.kernel.shape == new.kernel.shape:
            new.set_weights(old.get_weights())
    return rebuilt
