"""The one import of ml_collections, which not every installation has."""

from gsf_tf.errors import UserError

try:
    from ml_collections import ConfigDict
    from ml_collections.config_dict import placeholder
except ModuleNotFoundError as error:
    raise UserError(
        "A configuration needs the package ml_collections. "
        f"Received: no module named `{error.name}`. "
        "Install it with `pip install 'gsf_tf[train]'`."
    ) from error

__all__ = ["ConfigDict", "placeholder"]
