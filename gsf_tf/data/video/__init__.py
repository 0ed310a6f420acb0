"""Decoding: video files, images and folders of frames become upright RGB frames.

Needs only `gsf_tf.errors` and no TensorFlow, so that worker processes start fast.
The main door is `clip_reader.open_clip`.
"""
