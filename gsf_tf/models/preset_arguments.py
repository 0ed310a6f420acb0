"""Which arguments of `from_preset` belong to which presets."""

from gsf_tf.errors import did_you_mean
from gsf_tf.models.preset_list import list_presets
from gsf_tf.models.preset_names import split_preset
from gsf_tf.models.rubiksnet_preset import RUBIKSNET_PRESETS

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


def check_arguments(preset, **arguments):
    """Raises ValueError if a preset is unknown, or an argument is not one of its method's.

    Args:
        preset: Name of the preset.
        **arguments: Keys of `METHODS_WITH`; None is allowed for every preset.
    """
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
