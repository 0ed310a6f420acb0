"""Holding clips back for validation."""

import collections
import dataclasses
import hashlib

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.errors import DataError


def split_for_validation(listing: ClipListing, fraction: float, seed: int = 0) -> ClipListing:
    """Assigns every clip to `train` or `val`, class by class.

    A clip goes to `val` when the hash of the seed and its `data_path` falls into the given
    fraction, so that it stays where it is when other clips are added or removed. A class of
    two or more clips always has one on either side; only there can a clip change sides.

    Args:
        listing: Clips without a split.
        fraction: Expected share of the clips that goes to `val`, 0 <= fraction < 1.
        seed: Another seed gives another split.

    Returns:
        The same clips with their `split` set.

    Raises:
        DataError: When `fraction` is out of range or a split is there already.
    """
    if not 0 <= fraction < 1:
        raise DataError(
            f"The validation fraction must be at least 0 and below 1. Received {fraction}."
        )
    if any(clip.split for clip in listing.clips):
        raise DataError(
            "Clips can be held back for validation only where no split is given. The dataset "
            "has its own train and val parts: leave the validation fraction out."
        )
    classes = collections.defaultdict(list)
    for clip in listing.clips:
        digest = hashlib.sha256(f"{seed}:{clip.data_path}".encode()).digest()
        classes[clip.label].append((int.from_bytes(digest[:8], "big") / 2**64, clip.data_path))
    held_back = set()
    for members in classes.values():
        members.sort()
        chosen = sum(position < fraction for position, _ in members)
        if fraction > 0:
            chosen = min(max(chosen, 1), len(members) - 1)
        held_back.update(data_path for _, data_path in members[:chosen])
    clips = tuple(
        dataclasses.replace(clip, split="val" if clip.data_path in held_back else "train")
        for clip in listing.clips
    )
    return dataclasses.replace(listing, clips=clips)
