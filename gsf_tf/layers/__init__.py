"""Temporal layers for 2D backbones, whose input is the frames of clips `[B * T, H, W, C]`.

The frames of a clip follow each other in the batch; `num_segments` is their number T.
"""

from gsf_tf.layers.attention_shift import AttentionShift
from gsf_tf.layers.batch_normalization import BatchNormalization
from gsf_tf.layers.clip_normalization import ClipNormalization
from gsf_tf.layers.fold_segments import FoldSegments
from gsf_tf.layers.gate_shift import GateShift
from gsf_tf.layers.gate_shift_fuse import GateShiftFuse
from gsf_tf.layers.grouped_spatial_temporal import GroupedSpatialTemporal
from gsf_tf.layers.integer_shift import IntegerShift
from gsf_tf.layers.motion_squeeze import MotionSqueeze
from gsf_tf.layers.rubiks_shift_2d import RubiksShift2D
from gsf_tf.layers.rubiks_shift_3d import RubiksShift3D
from gsf_tf.layers.segment_consensus import SegmentConsensus
from gsf_tf.layers.shift_folds import ShiftFolds
from gsf_tf.layers.shift_groups import ShiftGroups
from gsf_tf.layers.temporal_layer import TemporalLayer
from gsf_tf.layers.temporal_shift import TemporalShift

__all__ = [
    "AttentionShift",
    "BatchNormalization",
    "ClipNormalization",
    "FoldSegments",
    "GateShift",
    "GateShiftFuse",
    "GroupedSpatialTemporal",
    "IntegerShift",
    "MotionSqueeze",
    "RubiksShift2D",
    "RubiksShift3D",
    "SegmentConsensus",
    "ShiftFolds",
    "ShiftGroups",
    "TemporalLayer",
    "TemporalShift",
]
