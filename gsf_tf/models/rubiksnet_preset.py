"""The presets `rubiksnet_<tier>` and `rubiksnet_<tier>_aq`."""

from gsf_tf.backbones import RubiksNet
from gsf_tf.layers import ShiftFolds, ShiftGroups
from gsf_tf.models.normalization import IMAGENET_RGB
from gsf_tf.models.segment_model import SegmentModel
from gsf_tf.models.temporal_start import NOISE
from gsf_tf.ops.rubiks_shift import MODES
from gsf_tf.weights.rubiksnet_tiers import RUBIKSNET_TIERS

PREFIX = "rubiksnet_"
ATTENTION = "_aq"
INPUT_SIZE = 224
SHIFT_INITIALIZERS = ("uniform", "heuristic")
RUBIKSNET_PRESETS = [
    f"{PREFIX}{tier}{suffix}" for tier in RUBIKSNET_TIERS for suffix in ("", ATTENTION)
]


def rubiksnet_preset(
    preset,
    num_classes,
    num_segments,
    input_shape,
    dropout,
    shift_mode=None,
    spatial_shift=None,
    temporal_shift=None,
    shift_initializer=None,
    shift_budget=None,
    causal=False,
):
    """Builds a preset of RubiksNet. The arguments are those of `from_preset`.

    Raises:
        ValueError: If an argument does not belong to the preset.
    """
    attention = preset.endswith(ATTENTION)
    if attention and (shift_mode or temporal_shift):
        raise ValueError(
            "`shift_mode` and `temporal_shift` belong to the presets without `_aq`, whose shifts "
            f"have a temporal part. Received: shift_mode={shift_mode!r}, "
            f"temporal_shift={temporal_shift!r} for {preset!r}"
        )
    if not attention and shift_budget is not None:
        raise ValueError(
            "`shift_budget` belongs to the `rubiksnet_*_aq` presets. "
            f"Received: shift_budget={shift_budget!r} for {preset!r}"
        )
    if shift_mode not in (None, *MODES):
        raise ValueError(
            f"`shift_mode` must be one of {', '.join(MODES)}. Received: shift_mode={shift_mode!r}. "
            "The presets `rubiksnet_*_aq` have attention."
        )
    if shift_initializer not in (None, *SHIFT_INITIALIZERS):
        raise ValueError(
            f"`shift_initializer` must be one of {', '.join(SHIFT_INITIALIZERS)}. "
            f"Received: shift_initializer={shift_initializer!r}"
        )
    spatial_shift, temporal_shift = spatial_shift or "learned", temporal_shift or "learned"
    heuristic = shift_initializer == "heuristic"
    tier = RUBIKSNET_TIERS[preset.removeprefix(PREFIX).removesuffix(ATTENTION)]
    backbone = RubiksNet(
        **tier,
        num_segments=num_segments if num_segments > 1 else None,
        variant="attention" if attention else shift_mode or "interpolated",
        spatial=spatial_shift,
        temporal=temporal_shift,
        spatial_initializer=(
            ShiftGroups(noise=NOISE) if heuristic and spatial_shift == "learned" else None
        ),
        temporal_initializer=(
            ShiftFolds(noise=NOISE) if heuristic and temporal_shift == "learned" else None
        ),
        causal=causal,
        include_top=False,
        input_shape=tuple(input_shape or (INPUT_SIZE, INPUT_SIZE, 3)),
        name=preset,
    )
    return SegmentModel(
        backbone,
        num_classes,
        num_segments,
        dropout,
        IMAGENET_RGB,
        shift_budget=shift_budget,
        name=preset,
    )
