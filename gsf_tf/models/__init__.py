"""Segment models: a 2D backbone, temporal layers inside it and a consensus over frames."""

from gsf_tf.models.harden import HardenedModel, harden
from gsf_tf.models.inflate import inflate
from gsf_tf.models.insert_temporal import insert_temporal
from gsf_tf.models.preset_list import list_presets
from gsf_tf.models.presets import from_preset
from gsf_tf.models.replace_with_shift import replace_with_shift
from gsf_tf.models.segment_model import SegmentModel
from gsf_tf.models.shift_budget import shift_budget_loss

__all__ = [
    "HardenedModel",
    "SegmentModel",
    "from_preset",
    "harden",
    "inflate",
    "insert_temporal",
    "list_presets",
    "replace_with_shift",
    "shift_budget_loss",
]
