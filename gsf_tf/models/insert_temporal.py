from collections.abc import Callable, Iterable

import keras

from gsf_tf.errors import did_you_mean
from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.models.check_functional import check_functional
from gsf_tf.models.default_places import default_places
from gsf_tf.models.identity_start import absorb, check_absorbs, check_start, was_trained


def insert_temporal(
    backbone: keras.Model,
    make_layer: Callable[[str], keras.Layer],
    after: Iterable[str] | None = None,
    before: Iterable[str] | None = None,
    start: str | None = None,
) -> keras.Model:
    """Inserts temporal layers into a functional backbone.

    The returned model uses the layers of the backbone itself; only the graph around the chosen
    layers changes. So the two models share their weights. With `start="identity"`, the convolutions
    beside GSF and GSM are copies, because their filters are reordered; the backbone keeps its own.

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
        start: `"paper"` leaves the new layers as they initialize themselves. `"identity"` starts
            GSF, GSM and RubiksShift so that the new model computes what the backbone computes:
            their gates or shifts are zero, and the filters beside GSF and GSM undo the
            interleaving and the factor 1 - F. For those two, the layer in `after` must be a
            `Conv2D`, `Dense` or `SeparableConv2D` without activation or with a ReLU, the layer in
            `before` a `Conv2D` or `Dense`. The default is `"identity"` for a backbone with trained
            weights (its biases or normalizations differ between channels), where the layer has
            such a start, and `"paper"` otherwise. `gsf_tf.analysis.feature_agreement` measures how
            far the features are from the backbone's.

    Returns:
        A functional `keras.Model` with the backbone's name, inputs and outputs. The temporal layer
        beside the layer `name` is called `<name>_temporal`.

    Raises:
        ValueError: If the backbone is not functional, if no layer is named and the family of the
            backbone is not known, if a name is unknown, occurs twice, or belongs to a layer that
            the backbone calls several times, or if an identity start is not possible.

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
    check_functional(backbone)
    if after is None and before is None:
        after = default_places(backbone)
    after, before = list(after or ()), list(before or ())
    _check_places(backbone, after + before)
    check_start(start)
    wanted = start == "identity" or (start is None and was_trained(backbone))
    done, started = set(), []

    def call_function(layer, *args, **kwargs):
        if layer.name not in after + before:
            return layer(*args, **kwargs)
        if layer.name in done:
            raise ValueError(
                "A layer in `after` or `before` must be one that the backbone calls once. "
                f"Received: {layer.name!r}, which it calls several times."
            )
        done.add(layer.name)
        temporal, is_after = make_layer(f"{layer.name}_temporal"), layer.name in after
        if wanted and _has_identity_start(temporal, start):
            start_of_layer = _IdentityStart(layer, temporal, is_after)
            started.append(start_of_layer)
            layer = start_of_layer.neighbor
        if is_after:
            return temporal(layer(*args, **kwargs))
        first, *rest = args
        return layer(temporal(first), *rest, **kwargs)

    model = keras.models.clone_model(
        backbone, call_function=call_function, clone_function=lambda layer: layer
    )
    for start_of_layer in started:
        start_of_layer.apply()
    return model


class _IdentityStart:
    """The identity start of a temporal layer beside a layer of the backbone.

    Args:
        layer: The layer of the backbone.
        temporal: The temporal layer, not yet built.
        is_after: Whether the temporal layer follows `layer`.
    """

    def __init__(self, layer, temporal, is_after):
        self._layer, self._temporal, self._is_after = layer, temporal, is_after
        self.neighbor = layer
        if temporal.reorders_channels:
            check_absorbs(layer, is_after, temporal.name)
            self.neighbor = layer.__class__.from_config(layer.get_config())

    def apply(self):
        """Sets the weights of the temporal layer and of the copy, both of which are built."""
        order, scale = self._temporal.start_as_identity()
        if self.neighbor is not self._layer:
            self.neighbor.set_weights(self._layer.get_weights())
            absorb(self.neighbor, order, scale, self._is_after)


def _has_identity_start(temporal, start):
    """Returns whether a new layer has one; an error if it has none and `start` asks for it."""
    if getattr(temporal, "has_identity_start", False):
        return True
    if start == "identity":
        raise ValueError(
            "`start='identity'` needs layers that have such a start: GateShiftFuse and GateShift "
            "unless their gate is fixed at 1 or -1, and RubiksShift3D with learned shifts. "
            f"Received: {temporal.name!r}, a {type(temporal).__name__}. Pass start='paper'."
        )
    return False


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
