"""Random changes to training clips.

Every change is drawn once from the clip's seed and applied to all frames of the clip alike.
"""
