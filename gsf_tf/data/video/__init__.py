"""Decodes videos, images and folders of frames to upright RGB frames.

The main door is `clip_reader.open_clip`, which opens a clip in any of the three forms. The room
needs `gsf_tf.errors` and no other part of gsf_tf, and it does not load TensorFlow, so that decoding
processes start fast.
"""
