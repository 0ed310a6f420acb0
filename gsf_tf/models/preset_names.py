"""The names of the presets, `<method>_<backbone>`."""

from gsf_tf.models.recipes import BACKBONES


def backbone_presets() -> dict[str, tuple[str, str]]:
    """Returns the presets of 2D backbones: from a name to its method and its backbone."""
    return {
        f"{method}_{backbone}": (method, backbone)
        for backbone, recipe in BACKBONES.items()
        for method in recipe.methods
    }


def split_preset(preset: str) -> tuple[str, str]:
    """Returns the method and the backbone of a preset of a 2D backbone.

    A method such as `gst_large` has an underscore as well.

    Args:
        preset: Name of the preset, such as `"gst_large_resnet50"`.

    Returns:
        The method, `"gst_large"`, and the backbone, a key of `BACKBONES`, `"resnet50"`.

    Raises:
        ValueError: If there is no such preset.
    """
    presets = backbone_presets()
    if preset not in presets:
        raise ValueError(
            f"`preset` must be a preset of a 2D backbone. Received: preset={preset!r}. "
            "`gsf_tf.models.list_presets()` returns their names."
        )
    return presets[preset]
