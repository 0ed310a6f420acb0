"""Models for video without an end: one frame at a time, with an explicit state."""

from gsf_tf.streaming.sliding_window import SlidingWindowModel
from gsf_tf.streaming.streaming_model import StreamingModel

__all__ = ["SlidingWindowModel", "StreamingModel"]
