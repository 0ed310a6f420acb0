"""The validation clips of programs that may be given a validation part or hold one back."""

from . import cli


def with_validation_part(listing, val_fraction, seed=0):
    """Returns a listing whose clips have splits.

    Args:
        listing: `ClipListing`.
        val_fraction: The flag --val_fraction, an absl `FlagHolder`.
        seed: Decides which clips are held back if the listing has no splits.

    Raises:
        FlagError: If the listing has splits and the flag is given too.
    """
    from gsf_tf import data

    if not any(clip.split for clip in listing.clips):
        return data.split_for_validation(listing, val_fraction.value, seed)
    if val_fraction.present:
        raise cli.FlagError(
            "--val_fraction must be left out where a validation part is given. Received: "
            f"--val_fraction={val_fraction.value} beside one."
        )
    return listing
