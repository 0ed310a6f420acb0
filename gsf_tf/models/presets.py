"""Presets: `<method>_<backbone>`, a method applied to a backbone's recipe, and RubiksNet."""

import fnmatch
import os
import re
from collections.abc import Mapping
from typing import Any

import keras

from gsf_tf.backbones.without_preprocessing import forget_calls
from gsf_tf.errors import did_you_mean
from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.layers import (
    GateShift,
    GateShiftFuse,
    GroupedSpatialTemporal,
    MotionSqueeze,
    TemporalShift,
)
from gsf_tf.layers.arguments import check_causal
from gsf_tf.models.backbone_fill import BackboneFill
from gsf_tf.models.identity_start import check_start
from gsf_tf.models.insert_temporal import insert_temporal
from gsf_tf.models.load_backbone_file import holds_segment_model, load_backbone_file
from gsf_tf.models.preset_names import backbone_presets, split_preset
from gsf_tf.models.pretrained import build_with_imagenet, imagenet_source
from gsf_tf.models.recipes import BACKBONES
from gsf_tf.models.replace_convolution import replace_convolution
from gsf_tf.models.rubiksnet_preset import RUBIKSNET_PRESETS, rubiksnet_preset
from gsf_tf.models.segment_model import SegmentModel

GATED = ("gsm", "gsf")
GROUPED_BETA = {"gst": 2, "gst_large": 1}
RUBIKSNET = ("rubiksnet",)
# The arguments of `from_preset` that only some methods have, with these methods.
METHODS_WITH = {
    "channel_ratio": GATED,
    "placement": GATED,
    "last_blocks": ("tsm", *GATED, *GROUPED_BETA),
    "temporal_options": ("tsm", "gsf"),
    "start": GATED,
    "causal": ("tsm", *GATED, *RUBIKSNET),
    "shift_mode": RUBIKSNET,
    "spatial_shift": RUBIKSNET,
    "temporal_shift": RUBIKSNET,
    "shift_initializer": RUBIKSNET,
    "shift_budget": RUBIKSNET,
}
KERAS_FORMATS = (".keras", ".weights.h5")
TORCH_FORMATS = (".pth", ".pth.tar", ".pt")
BN_MOMENTUM = 0.9  # PyTorch's 0.1, with which the papers' models were trained


def list_presets(pattern: str = "*", pretrained: bool | None = None) -> list[str]:
    """Returns the sorted names of all presets that match a shell-style pattern.

    Args:
        pattern: Pattern of names with `*`, `?` and `[...]`; all presets by default.
        pretrained: True for the presets that `weights="imagenet"` fills, False for the others,
            None (default) for both.

    Example:

    ```python
    gsf_tf.models.list_presets("gsf_*", pretrained=True)
    ```
    """
    names = fnmatch.filter([*backbone_presets(), *RUBIKSNET_PRESETS], pattern)
    return sorted(name for name in names if pretrained in (None, _is_pretrained(name)))


def _is_pretrained(preset):
    if preset in RUBIKSNET_PRESETS:
        return False
    return imagenet_source(split_preset(preset)[1].removesuffix("_ms")) is not None


def from_preset(
    preset: str,
    num_classes: int | Mapping[str, int],
    num_segments: int = 8,
    input_shape: tuple[int, int, int] | None = None,
    channel_ratio: float | None = None,
    dropout: float = 0.5,
    weights: str | os.PathLike | None = None,
    placement: str | None = None,
    last_blocks: int | None = None,
    temporal_options: Mapping[str, Any] | None = None,
    start: str | None = None,
    shift_mode: str | None = None,
    spatial_shift: str | None = None,
    temporal_shift: str | None = None,
    shift_initializer: str | None = None,
    shift_budget: float | None = None,
    causal: bool | None = None,
) -> SegmentModel:
    """Builds the segment model of a preset.

    The defaults are the papers' best configurations; each of the papers' studies changes one
    argument.

    Args:
        preset: Name of the preset, one of `list_presets()`. Models of `tsn_*` have no temporal
            layers, `tsm_*` has `TemporalShift`, `gsm_*` `GateShift`, `gsf_*` `GateShiftFuse`; in
            `gst_*`, `GroupedSpatialTemporal` replaces the 3x3 convolutions, in `gst_large_*` with
            all channels for both groups; `*_ms` has a `MotionSqueeze` as well; `rubiksnet_*` has
            `RubiksShift3D`, `rubiksnet_*_aq` `AttentionShift` and `RubiksShift2D`.
        num_classes: Number of classes, an integer >= 1. For a multi-task model, a dictionary from
            the names of the tasks to their numbers of classes, such as
            `{"verb": 97, "noun": 300, "action": 3806}`.
        num_segments: Integer >= 1. Frames per clip, T. A RubiksNet for one frame has spatial shifts
            only: it is an image classifier, which `inflate` turns into a video model.
        input_shape: `(height, width, 3)` of a frame in pixels; by default the papers' size, 229 for
            InceptionV3 and 224 for the others.
        channel_ratio: Share of the channels that GSF or GSM processes, in (0, 1] (GSF paper,
            Tables 2 and 4); by default 1 in the Inception family, 0.25 in ResNet-50 and -101, 0.5
            in the others.
        dropout: Rate in [0, 1) before the linear layer.
        weights: None or `""` (as on a command line) for random weights; `"imagenet"` for a preset
            of `list_presets(pretrained=True)`; the path of a `.keras` or `.weights.h5` file of the
            same model, or of its backbone with or without temporal layers; or the path of a `.pth`
            file with weights of the backbone (torchvision, BN-Inception, EfficientNet-Lite0). With
            weights of a backbone, a printed line says which layers they filled and which are new.
        placement: The layers that GSF or GSM follows: `"conv1"`, `"conv2"`, `"conv3"` (default) or
            `"all"` in ResNets (GSF paper, Table 3); `"branch1"` to `"branch4"` (default) or `"all"`
            in BN-Inception (Table 1).
        last_blocks: Number of places with a temporal layer, counted from the classifier (GSF paper,
            Tables 6 and 7); all places by default.
        temporal_options: Further arguments of `GateShiftFuse`, such as
            `{"gate": 1, "fusion": "sum"}` (GSF paper, Table 5), or of `TemporalShift`, such as
            `{"fold_div": 16}`.
        start: `"identity"` starts GSF or GSM so that the features are those of the backbone
            without it (see `insert_temporal`), `"paper"` as in the papers. The default is
            `"identity"` where `weights` are those of a backbone, and `"paper"` otherwise.
        shift_mode: `"interpolated"` (default) or `"quantized"` shifts of a RubiksNet (RubiksNet
            paper, Table 5).
        spatial_shift: `"learned"` (default) or `"fixed"` spatial shifts of a RubiksNet (RubiksNet
            paper, Table 4).
        temporal_shift: `"learned"` (default) or `"fixed"` temporal shifts of a RubiksNet (RubiksNet
            paper, Table 4).
        shift_initializer: Initial values of the learned shifts of a RubiksNet: `"uniform"` in
            [-1, 1) (default, as the authors' code), or `"heuristic"`: ShiftNet's groups and TSM's
            folds with a noise of 0.1, which blur less and learn faster without pretraining.
        shift_budget: Share of the channels that a `rubiksnet_*_aq` may move in time, in [0, 1],
            held by a loss (RubiksNet paper, equation (8)); None for no budget.
        causal: Whether no frame reads a later one, for video without an end (False by default). The
            weights have the shapes of the plain model, whose checkpoint can start the causal one;
            it must be trained further.

    Returns:
        A `SegmentModel` from clips `[B, T, H, W, 3]` in 0..255 to logits `[B, num_classes]`, or to
        a dictionary with the logits of each task.

    Raises:
        ValueError: If the preset is unknown, an argument does not belong to its method, or no
            source has ImageNet weights for the backbone.
        CheckpointError: If a file does not hold weights of the backbone.
        UserError: If the ImageNet weights cannot be had now: the download failed, or a package is
            not installed.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gsf_resnet50", num_classes=174)
    ```
    """
    check_image_data_format()
    _check_arguments(
        preset,
        channel_ratio=channel_ratio,
        placement=placement,
        last_blocks=last_blocks,
        temporal_options=temporal_options,
        start=start,
        shift_mode=shift_mode,
        spatial_shift=spatial_shift,
        temporal_shift=temporal_shift,
        shift_initializer=shift_initializer,
        shift_budget=shift_budget,
        causal=causal or None,
    )
    check_start(start)
    causal = check_causal(causal or False)
    weights = weights or None
    if preset in RUBIKSNET_PRESETS:
        model = rubiksnet_preset(
            preset,
            num_classes,
            num_segments,
            input_shape,
            dropout,
            shift_mode,
            spatial_shift,
            temporal_shift,
            shift_initializer,
            shift_budget,
            causal,
        )
        return _with_weights(model, weights)
    method, backbone_name = split_preset(preset)
    recipe = BACKBONES[backbone_name]
    if causal and recipe.motion_after:
        raise ValueError(
            "`causal` must be False with MotionSqueeze, which compares each frame with the next. "
            f"Received: causal=True for {preset!r}"
        )
    input_shape = tuple(input_shape or (recipe.input_size, recipe.input_size, 3))
    # MotionSqueeze is no part of the 2D network.
    backbone, fill = _build_backbone(backbone_name.removesuffix("_ms"), input_shape, weights)
    if method != "tsn":
        forget_calls(backbone)
    is_pretrained = fill is not None and not fill.has_temporal
    if start == "identity" and fill is not None and fill.has_temporal:
        raise ValueError(
            "`start='identity'` needs weights of a backbone without temporal layers. "
            f"Received: weights={str(weights)!r}, whose temporal layers have weights of their own. "
            "Leave `start` out."
        )
    if method in GROUPED_BETA:
        places = _places(backbone, recipe.gst_in_place_of, last_blocks)
        replaced = [backbone.get_layer(name) for name in places]
        backbone = replace_convolution(
            backbone, _grouped_layer(num_segments, GROUPED_BETA[method]), places
        )
        if is_pretrained:
            _inflate_kernels(backbone, replaced)
    elif method != "tsn":
        options = temporal_options or {}
        before, after = recipe.tsm_before, recipe.tsm_after
        begin = {}
        make_layer = _shift_layer(num_segments, causal, options)
        if method in GATED:
            before, after = None, _gated_pattern(preset, recipe, placement)
            begin = {"start": start or _default_start(is_pretrained, recipe, options)}
            make_layer = _gated_layer(method, recipe, num_segments, channel_ratio, causal, options)
        backbone = insert_temporal(
            backbone,
            _with_motion(make_layer, recipe, num_segments),
            after=[
                *(_places(backbone, after, last_blocks) if after else ()),
                *filter(None, (recipe.motion_after,)),
            ],
            before=_places(backbone, before, last_blocks) if before else (),
            **begin,
        )
    model = SegmentModel(
        backbone, num_classes, num_segments, dropout, recipe.normalization, name=preset
    )
    if fill is None:
        return _with_weights(model, weights)
    if fill.has_temporal:
        fill = load_backbone_file(model.backbone, weights)
    print(fill.inside(model.backbone))
    return model


def _with_weights(model, weights):
    if weights is None:
        return model
    if not str(weights).endswith(KERAS_FORMATS):
        raise ValueError(
            f"`weights` of {model.name!r} must be None or the path of a "
            f"{' or '.join(KERAS_FORMATS)} file. Received: weights={str(weights)!r}. For a PyTorch "
            "checkpoint of the whole model, use gsf_tf.weights.load_torch_checkpoint."
        )
    if _is_backbone_file(weights):
        print(load_backbone_file(model.backbone, weights))
    else:
        model.load_weights(weights)
    return model


def _is_backbone_file(weights):
    """Returns whether a file of Keras holds a backbone, and not the whole of a `SegmentModel`."""
    return str(weights).endswith(KERAS_FORMATS) and not holds_segment_model(weights)


def _check_arguments(preset, **arguments):
    if preset not in list_presets():
        raise ValueError(
            f"`preset` must be one of {', '.join(list_presets())}. Received: preset={preset!r}."
            + did_you_mean(preset, list_presets())
        )
    method = RUBIKSNET[0] if preset in RUBIKSNET_PRESETS else split_preset(preset)[0]
    for name, value in arguments.items():
        if value is not None and method not in METHODS_WITH[name]:
            raise ValueError(
                f"`{name}` belongs to the {' and '.join(f'{m}_*' for m in METHODS_WITH[name])} "
                f"presets. Received: {name}={value!r} for {preset!r}"
            )


def _build_backbone(name, input_shape, weights):
    """Returns the 2D network and a `BackboneFill`, which is None if it has no weights yet."""
    build, fill = BACKBONES[name].build, None
    if weights == "imagenet":
        backbone = build_with_imagenet(name, input_shape)
    elif str(weights).endswith(TORCH_FORMATS):
        backbone = build(input_shape=input_shape, weights=weights)
    else:
        backbone = build(input_shape=input_shape, weights=None)
        if weights is not None and _is_backbone_file(weights):
            fill = load_backbone_file(backbone, weights)
    if weights == "imagenet" or str(weights).endswith(TORCH_FORMATS):
        weighted = tuple(layer.name for layer in backbone.layers if layer.weights)
        fill = BackboneFill(str(weights), weighted)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Keras' MobileNetV2 has 0.999: its statistics would settle after thousands of steps.
            layer.momentum = BN_MOMENTUM
    return backbone, fill


def _gated_pattern(preset, recipe, placement):
    if placement is None:
        default = next(iter(recipe.gated_after.values()))
        return recipe.gsm_after if preset.startswith("gsm") and recipe.gsm_after else default
    if placement not in recipe.gated_after:
        raise ValueError(
            f"`placement` must be one of {', '.join(recipe.gated_after)} for {preset!r}. "
            f"Received: placement={placement!r}"
        )
    return recipe.gated_after[placement]


def _shift_layer(num_segments, causal, options):
    return lambda name: TemporalShift(num_segments, name=name, **{"causal": causal, **options})


def _with_motion(make_layer, recipe, num_segments):
    """Makes MotionSqueeze in the recipe's place for it, and `make_layer`'s layers elsewhere."""

    def make(name):
        if name == f"{recipe.motion_after}_temporal":
            return MotionSqueeze(num_segments, name=name)
        return make_layer(name)

    return make


def _gated_layer(method, recipe, num_segments, channel_ratio, causal, options):
    ratio = recipe.channel_ratio if channel_ratio is None else channel_ratio
    if method == "gsm":
        return lambda name: GateShift(num_segments, ratio, causal=causal, name=name)
    options = {"fusion_initializer": recipe.fusion_initializer, "causal": causal, **options}
    return lambda name: GateShiftFuse(num_segments, ratio, name=name, **options)


def _grouped_layer(num_segments, beta):
    return lambda conv: GroupedSpatialTemporal(
        conv.filters, num_segments, conv.strides[0], beta, name=f"{conv.name}_temporal"
    )


def _inflate_kernels(backbone, convolutions):
    """Fills GST's 1x3x3 kernels with a part of the pretrained 3x3 ones, as the authors' code does.

    The 3x3x3 kernels have no counterpart and keep their random values.
    """
    for conv in convolutions:
        kernel = backbone.get_layer(f"{conv.name}_temporal").spatial_kernel
        *_, inputs, outputs = kernel.shape
        kernel.assign(conv.kernel[None, :, :, :inputs, :outputs])


def _default_start(is_pretrained, recipe, options):
    """Returns `"identity"` for pretrained weights, unless gates are fixed at 1 or -1 (Table 5)."""
    may_close = options.get("gate", "learned") in ("learned", 0)
    if not is_pretrained or not may_close:
        return "paper"
    # None leaves out what has no such start: MotionSqueeze.
    return None if recipe.motion_after else "identity"


def _places(backbone, pattern, last_blocks):
    names = [layer.name for layer in backbone.layers if re.fullmatch(pattern, layer.name)]
    if last_blocks is None:
        return names
    if not 1 <= last_blocks <= len(names):
        raise ValueError(
            f"`last_blocks` must be between 1 and {len(names)}, the number of places of this "
            f"preset. Received: last_blocks={last_blocks}"
        )
    return names[-last_blocks:]
