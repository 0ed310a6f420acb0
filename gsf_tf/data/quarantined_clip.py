"""A clip that was left out because it cannot be decoded."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class QuarantinedClip:
    """One line of `quarantine.jsonl`.

    Attributes:
        path: The clip's `data_path`.
        split: Where it would have gone.
        label: Name of its class.
        reason: What is wrong with the file.
        frames_decoded: How many frames came out before the failure.
    """

    path: str
    split: str
    label: str
    reason: str
    frames_decoded: int
