"""Random changes to training clips: one draw for all frames of a clip, a function of its seed."""
