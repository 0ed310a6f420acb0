"""Segment models: a 2D backbone, temporal layers inside it and a consensus over frames."""

from gsf_tf.models.insert_temporal import insert_temporal
from gsf_tf.models.presets import from_preset, list_presets
from gsf_tf.models.segment_model import SegmentModel

__all__ = ["SegmentModel", "from_preset", "insert_temporal", "list_presets"]
