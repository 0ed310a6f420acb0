"""Holds clips back for validation."""

import collections
import dataclasses
import hashlib

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.errors import DataError


def split_for_validation(listing: ClipListing, val_fraction: float, seed: int = 0) -> ClipListing:
    """Assigns every clip to `train` or `val`, class by class.

    A clip goes to `val` if the hash of the seed and its `data_path`, a number in 0..1, is below
    `val_fraction`. So a clip keeps its split when other clips are added or removed. The exception
    are small classes: if `val_fraction` is above 0, a class of two or more clips has at least one
    in either split.

    Args:
        listing: Clips without a split.
        val_fraction: Expected share of the clips that goes to `val`, 0 <= val_fraction < 1.
        seed: Decides which clips go to `val`.

    Returns:
        The same clips with their `split` set.

    Raises:
        DataError: If `val_fraction` is out of range, or a clip has a split already.
    """
    if not 0 <= val_fraction < 1:
        raise DataError(
            "`val_fraction`, the share of the clips held back for validation, must be at least 0 "
            f"and below 1. Received: val_fraction={val_fraction}"
        )
    if any(clip.split for clip in listing.clips):
        raise DataError(
            "Clips can be held back for validation only if the dataset has no splits. Received: "
            f"splits={sorted({clip.split for clip in listing.clips if clip.split})}, which the "
            "dataset has itself. Leave out `val_fraction`."
        )
    classes = collections.defaultdict(list)
    for clip in listing.clips:
        digest = hashlib.sha256(f"{seed}:{clip.data_path}".encode()).digest()
        classes[clip.label].append((int.from_bytes(digest[:8], "big") / 2**64, clip.data_path))
    held_back = set()
    while classes:
        _, members = classes.popitem()
        members.sort()
        chosen = sum(position < val_fraction for position, _ in members)
        if val_fraction > 0:
            chosen = min(max(chosen, 1), len(members) - 1)
        held_back.update(data_path for _, data_path in members[:chosen])
    clips = tuple(
        clip.in_split("val" if clip.data_path in held_back else "train") for clip in listing.clips
    )
    return dataclasses.replace(listing, clips=clips)
