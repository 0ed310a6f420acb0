import keras

from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.models.layer_lookup import classifiers
from gsf_tf.models.segment_model import SegmentModel


def rebuild(model, replace, before=None, **changes):
    """Returns a copy of a segment model in which some layers are replaced or added.

    The new model shares no variables with the old one. Layers keep their names. Copied layers keep
    their weights; `replace` sets the weights of new layers.

    Args:
        model: `SegmentModel`.
        replace: Callable from a layer of the backbone to None (the layer is copied), or to a pair:
            the new layer, and a callable without arguments that sets the new layer's weights.
        before: Callable from a layer of the backbone to a new layer that is inserted before it, or
            to None.
        **changes: Arguments of `SegmentModel` that differ from the old model's.

    Returns:
        A `SegmentModel`.
    """
    check_image_data_format()
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
    # Setting `trainable` to True would unfreeze layers that were frozen one by one.
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
