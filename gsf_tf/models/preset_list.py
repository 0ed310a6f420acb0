import fnmatch

from gsf_tf.models.preset_names import backbone_presets, split_preset
from gsf_tf.models.pretrained import imagenet_source
from gsf_tf.models.rubiksnet_preset import RUBIKSNET_PRESETS


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
