"""Presets: `<method>_<backbone>`, a method applied to a backbone's recipe, and RubiksNet."""

import os
from collections.abc import Mapping
from typing import Any

from gsf_tf.backbones.without_preprocessing import forget_calls
from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.layers.arguments import check_causal
from gsf_tf.models.identity_start import check_start
from gsf_tf.models.load_backbone_file import load_backbone_file
from gsf_tf.models.preset_arguments import check_arguments
from gsf_tf.models.preset_layers import with_temporal_layers
from gsf_tf.models.preset_names import split_preset
from gsf_tf.models.preset_weights import build_backbone, with_weights
from gsf_tf.models.recipes import BACKBONES
from gsf_tf.models.rubiksnet_preset import RUBIKSNET_PRESETS, rubiksnet_preset
from gsf_tf.models.segment_model import SegmentModel


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
    check_arguments(
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
        return with_weights(model, weights)
    method, backbone_name = split_preset(preset)
    recipe = BACKBONES[backbone_name]
    if causal and recipe.motion_after:
        raise ValueError(
            "`causal` must be False with MotionSqueeze, which compares each frame with the next. "
            f"Received: causal=True for {preset!r}"
        )
    input_shape = tuple(input_shape or (recipe.input_size, recipe.input_size, 3))
    # MotionSqueeze is no part of the 2D network.
    backbone, fill = build_backbone(backbone_name.removesuffix("_ms"), input_shape, weights)
    if method != "tsn":
        forget_calls(backbone)
    is_pretrained = fill is not None and not fill.has_temporal
    if start == "identity" and fill is not None and fill.has_temporal:
        raise ValueError(
            "`start='identity'` needs weights of a backbone without temporal layers. "
            f"Received: weights={str(weights)!r}, whose temporal layers have weights of their own. "
            "Leave `start` out."
        )
    backbone = with_temporal_layers(
        backbone,
        preset,
        num_segments,
        channel_ratio=channel_ratio,
        placement=placement,
        last_blocks=last_blocks,
        temporal_options=temporal_options,
        start=start,
        causal=causal,
        is_pretrained=is_pretrained,
    )
    model = SegmentModel(
        backbone, num_classes, num_segments, dropout, recipe.normalization, name=preset
    )
    if fill is None:
        return with_weights(model, weights)
    if fill.has_temporal:
        fill = load_backbone_file(model.backbone, weights)
    print(fill.inside(model.backbone))
    return model
