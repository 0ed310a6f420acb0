from collections.abc import Callable, Iterable

import keras

from gsf_tf.errors import did_you_mean
from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.models.default_places import default_places


def insert_temporal(
    backbone: keras.Model,
    make_layer: Callable[[str], keras.Layer],
    after: Iterable[str] | None = None,
    before: Iterable[str] | None = None,
) -> keras.Model:
    """Inserts temporal layers into a functional backbone.

    The returned model uses the layers of the backbone itself; only the graph around the chosen
    layers changes. So the two models share their weights.

    Without names, the places are the default ones of the backbone's family
    (`gsf_tf/models/default_places.py`), which is known for all of `keras.applications` and
    `gsf_tf.backbones`. A `channel_ratio` of 0.5 fits the numbers of channels of all of them except
    NASNetMobile, which needs 1.

    Args:
        backbone: Functional `keras.Model` whose input is frames `[B * T, H, W, C]`, such as any of
            `keras.applications`.
        make_layer: Callable from a name to a new layer, such as
            `lambda name: GateShiftFuse(num_segments=8, name=name)`. The layer must keep the
            shape of its input.
        after: Names of layers whose output goes through a temporal layer.
        before: Names of layers whose input goes through a temporal layer. Other layers that read
            the same tensor still receive it unchanged: a residual branch is shifted, its identity
            path is not.

    Returns:
        A functional `keras.Model` with the backbone's name, inputs and outputs. The temporal layer
        beside the layer `name` is called `<name>_temporal`.

    Raises:
        ValueError: If the backbone is not functional, if no layer is named and the family of the
            backbone is not known, or if a name is unknown, occurs twice, or belongs to a layer that
            the backbone calls several times.

    Example:

    ```python
    backbone = keras.applications.MobileNetV2(include_top=False, input_shape=(224, 224, 3))
    make_layer = lambda name: gsf_tf.layers.GateShiftFuse(8, channel_ratio=0.5, name=name)
    everywhere = insert_temporal(backbone, make_layer)
    in_two_blocks = insert_temporal(
        backbone, make_layer, after=["block_3_project", "block_6_project"]
    )
    ```

    Reference:
        GSF paper, section 3.2: the module goes "into any layer in the backbone CNN after a 2D
        convolution".
    """
    check_image_data_format()
    _check_functional(backbone)
    if after is None and before is None:
        after, before = default_places(backbone)
    after, before = list(after or ()), list(before or ())
    _check_places(backbone, after + before)
    done = set()

    def call_function(layer, *args, **kwargs):
        if layer.name in done:
            raise ValueError(
                "A layer in `after` or `before` must be one that the backbone calls once. "
                f"Received: {layer.name!r}, which it calls several times."
            )
        if layer.name in after + before:
            done.add(layer.name)
        if layer.name in before:
            first, *rest = args
            args = (make_layer(f"{layer.name}_temporal")(first), *rest)
        outputs = layer(*args, **kwargs)
        if layer.name in after:
            outputs = make_layer(f"{layer.name}_temporal")(outputs)
        return outputs

    return keras.models.clone_model(
        backbone, call_function=call_function, clone_function=lambda layer: layer
    )


def _check_functional(backbone):
    if not isinstance(backbone, keras.Model) or not hasattr(backbone, "operations"):
        raise ValueError(
            "`backbone` must be a functional `keras.Model` (built from `keras.Input`), because its "
            f"graph is rewritten. Received: {type(backbone).__name__}"
        )


def _check_places(backbone, places):
    if not places:
        raise ValueError(
            "`after` or `before` must name at least one layer. Received: no names. Pass neither of "
            "them to use the places of the backbone's family."
        )
    names = [layer.name for layer in backbone.layers]
    for place in places:
        if places.count(place) > 1:
            raise ValueError(
                f"`after` and `before` must name a layer once. Received: {place!r} twice"
            )
        if place not in names:
            raise ValueError(
                f"`after` and `before` must be names of layers of {backbone.name!r}. "
                f"Received: {place!r}.{did_you_mean(place, names)}"
            )
