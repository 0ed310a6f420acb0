"""The temporal layers of the presets, and their places in the 2D networks."""

import re

from gsf_tf.layers import (
    GateShift,
    GateShiftFuse,
    GroupedSpatialTemporal,
    MotionSqueeze,
    TemporalShift,
)
from gsf_tf.models.insert_temporal import insert_temporal
from gsf_tf.models.preset_arguments import GATED, GROUPED_BETA
from gsf_tf.models.preset_names import split_preset
from gsf_tf.models.recipes import BACKBONES
from gsf_tf.models.replace_convolution import replace_convolution


def with_temporal_layers(
    backbone,
    preset,
    num_segments,
    *,
    channel_ratio,
    placement,
    last_blocks,
    temporal_options,
    start,
    causal,
    is_pretrained,
):
    """Returns the backbone of a preset with the temporal layers of its method.

    Args:
        backbone: The 2D network of the preset.
        preset: Name of the preset, `<method>_<backbone>`.
        num_segments, channel_ratio, placement, last_blocks, temporal_options, start, causal: As in
            `from_preset`.
        is_pretrained: Whether the backbone has trained weights, and no temporal layers had any.

    Raises:
        ValueError: If `placement` or `last_blocks` is none of the preset's.
    """
    method, backbone_name = split_preset(preset)
    recipe = BACKBONES[backbone_name]
    if method == "tsn":
        return backbone
    if method in GROUPED_BETA:
        return _with_groups(backbone, method, recipe, num_segments, last_blocks, is_pretrained)
    options = temporal_options or {}
    before, after = recipe.tsm_before, recipe.tsm_after
    begin = {}
    make_layer = _shift_layer(num_segments, causal, options)
    if method in GATED:
        before, after = None, _gated_pattern(preset, recipe, placement)
        begin = {"start": start or _default_start(is_pretrained, recipe, options)}
        make_layer = _gated_layer(method, recipe, num_segments, channel_ratio, causal, options)
    return insert_temporal(
        backbone,
        _with_motion(make_layer, recipe, num_segments),
        after=[
            *(_places(backbone, after, last_blocks) if after else ()),
            *filter(None, (recipe.motion_after,)),
        ],
        before=_places(backbone, before, last_blocks) if before else (),
        **begin,
    )


def _with_groups(backbone, method, recipe, num_segments, last_blocks, is_pretrained):
    places = _places(backbone, recipe.gst_in_place_of, last_blocks)
    replaced = [backbone.get_layer(name) for name in places]
    make_layer = _grouped_layer(num_segments, GROUPED_BETA[method])
    backbone = replace_convolution(backbone, make_layer, places)
    if is_pretrained:
        _inflate_kernels(backbone, replaced)
    return backbone


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
