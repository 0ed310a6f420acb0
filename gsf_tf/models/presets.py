"""Presets: `<method>_<backbone>`, each a backbone's recipe read with a method's rule."""

import dataclasses
import difflib
import fnmatch
import functools
import re
from collections.abc import Callable

import keras

from gsf_tf.backbones import ResNet, ResNet50
from gsf_tf.layers import GateShiftFuse, TemporalShift
from gsf_tf.models.insert_temporal import insert_temporal
from gsf_tf.models.normalization import IMAGENET_RGB, MINUS_ONE_TO_ONE
from gsf_tf.models.segment_model import SegmentModel


@dataclasses.dataclass(frozen=True)
class BackboneRecipe:
    """How a backbone is built and where the temporal layers go.

    Attributes:
        build: Callable from `input_shape` (and `weights`, where Keras ships some) to the model.
        normalization: Arguments of `ClipNormalization`.
        gsf_after: Pattern of the layers that GSF follows: between a convolution and its
            normalisation.
        gsf_ratio: Default share of the channels that GSF processes.
        gsf_fusion: Initializer of GSF's fusion kernels.
        tsm_before: Pattern of the layers that TSM precedes: first of a residual branch.
        has_imagenet: Whether Keras ships ImageNet weights for it.
    """

    build: Callable
    normalization: dict
    gsf_after: str
    gsf_ratio: float
    gsf_fusion: str | None
    tsm_before: str
    has_imagenet: bool = False


BACKBONES = {
    # GSF paper, Table 3 (its bold row and the released code: after conv3) and Table 4 (25 %).
    "resnet50": BackboneRecipe(
        build=ResNet50,
        normalization=IMAGENET_RGB,
        gsf_after=r"layer\d_\d+_conv3",
        gsf_ratio=0.25,
        gsf_fusion="he_fan_out",
        tsm_before=r"layer\d_\d+_conv1",
    ),
    # Four bottlenecks, a quarter of ResNet-50's width: for small frames, small data and trials.
    "resnet14thin": BackboneRecipe(
        build=functools.partial(ResNet, (1, 1, 1, 1), 16, name="resnet14thin"),
        normalization=IMAGENET_RGB,
        gsf_after=r"layer\d_\d+_conv3",
        gsf_ratio=0.5,
        gsf_fusion="he_fan_out",
        tsm_before=r"layer\d_\d+_conv1",
    ),
    # Not in the GSF paper. After every linear 1x1 projection; half of the channels, for a
    # quarter of 24 is no multiple of 4. TSM: in the ten blocks that have an identity path.
    "mobilenetv2": BackboneRecipe(
        build=functools.partial(keras.applications.MobileNetV2, include_top=False),
        normalization=MINUS_ONE_TO_ONE,
        gsf_after=r"(expanded_conv|block_\d+)_project",
        gsf_ratio=0.5,
        gsf_fusion=None,
        tsm_before=r"block_(2|4|5|7|8|9|11|12|14|15)_expand",
        has_imagenet=True,
    ),
}
METHODS = ("tsn", "tsm", "gsf")


def list_presets(pattern="*"):
    """Returns the sorted names of all presets that match a shell-style pattern.

    Example:

    ```python
    gsf_tf.models.list_presets("gsf_*")
    ```
    """
    names = [f"{method}_{backbone}" for method in METHODS for backbone in BACKBONES]
    return sorted(fnmatch.filter(names, pattern))


def from_preset(
    preset,
    num_classes,
    num_segments=8,
    input_shape=(224, 224, 3),
    channel_ratio=None,
    dropout=0.5,
    weights=None,
):
    """Builds the segment model of a preset.

    Args:
        preset: Name, one of `list_presets()`: `tsn_*` has no temporal layer, `tsm_*` has
            `TemporalShift`, `gsf_*` has `GateShiftFuse`.
        num_classes: Integer >= 1.
        num_segments: Integer >= 1. Frames per clip, T.
        input_shape: `(height, width, 3)` of a frame in pixels.
        channel_ratio: Share of the channels that GSF processes, in (0, 1]; the recipe's by
            default (25 % in ResNet-50: GSF paper, Table 4).
        dropout: Rate in [0, 1) before the linear layer.
        weights: None for random ones; `"imagenet"` for a backbone whose weights Keras ships; or
            the path of a `.keras` or `.weights.h5` file that such a model was saved to.

    Returns:
        A `SegmentModel`: clip `[B, T, H, W, 3]` in 0..255 to logits `[B, num_classes]`.

    Raises:
        ValueError: If the preset is unknown, `channel_ratio` is given to a preset without GSF,
            or Keras has no ImageNet weights for the backbone.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gsf_resnet50", num_classes=174)
    ```
    """
    if preset not in list_presets():
        near = difflib.get_close_matches(preset, list_presets(), n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(
            f"`preset` must be one of {', '.join(list_presets())}. Received: {preset!r}.{hint}"
        )
    method, backbone_name = preset.split("_", 1)
    if channel_ratio is not None and method != "gsf":
        raise ValueError(
            "`channel_ratio` belongs to the gsf_* presets. "
            f"Received: channel_ratio={channel_ratio} for {preset!r}"
        )
    recipe = BACKBONES[backbone_name]
    backbone = _build_backbone(backbone_name, recipe, tuple(input_shape), weights)
    if method == "tsm":
        backbone = insert_temporal(
            backbone,
            lambda name: TemporalShift(num_segments, name=name),
            before=_matching(backbone, recipe.tsm_before),
        )
    elif method == "gsf":
        ratio = recipe.gsf_ratio if channel_ratio is None else channel_ratio
        backbone = insert_temporal(
            backbone,
            lambda name: GateShiftFuse(
                num_segments, ratio, fusion_initializer=recipe.gsf_fusion, name=name
            ),
            after=_matching(backbone, recipe.gsf_after),
        )
    model = SegmentModel(
        backbone, num_classes, num_segments, dropout, recipe.normalization, name=preset
    )
    if weights not in (None, "imagenet"):
        model.load_weights(weights)
    return model


def _build_backbone(name, recipe, input_shape, weights):
    if weights == "imagenet" and not recipe.has_imagenet:
        raise ValueError(
            f"Keras ships no ImageNet weights for {name!r} (the papers' ResNet v1.5 is not "
            "`keras.applications.ResNet50`). Received: weights='imagenet'. Use None, or the "
            "path of a file saved from the same preset."
        )
    if not recipe.has_imagenet:
        return recipe.build(input_shape=input_shape)
    return recipe.build(
        input_shape=input_shape, weights="imagenet" if weights == "imagenet" else None
    )


def _matching(backbone, pattern):
    return [layer.name for layer in backbone.layers if re.fullmatch(pattern, layer.name)]
