"""Temporal layers for 2D backbones whose batch holds `[B * num_segments, H, W, C]`."""

from gsf_tf.layers.clip_normalization import ClipNormalization
from gsf_tf.layers.fold_segments import FoldSegments
from gsf_tf.layers.gate_shift import GateShift
from gsf_tf.layers.gate_shift_fuse import GateShiftFuse
from gsf_tf.layers.grouped_spatial_temporal import GroupedSpatialTemporal
from gsf_tf.layers.segment_consensus import SegmentConsensus
from gsf_tf.layers.temporal_shift import TemporalShift

__all__ = [
    "ClipNormalization",
    "FoldSegments",
    "GateShift",
    "GateShiftFuse",
    "GroupedSpatialTemporal",
    "SegmentConsensus",
    "TemporalShift",
]
