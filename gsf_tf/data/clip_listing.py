"""The clips of a data set and how they were found."""

import dataclasses
import hashlib
import json
import os

from gsf_tf.data.clip_source import ClipSource
from gsf_tf.data.label_map import LabelMap


@dataclasses.dataclass(frozen=True)
class ClipListing:
    """What a folder or a list file holds.

    Attributes:
        clips: The clips, sorted by `data_path`.
        labels: Their label map.
        ignored: Number of files left out because their extension is no video's, by
            extension.
    """

    clips: tuple[ClipSource, ...]
    labels: LabelMap
    ignored: dict[str, int] = dataclasses.field(default_factory=dict)

    def by_split(self) -> dict[str, list[ClipSource]]:
        """Returns the clips of each split, `train` first; clips without one are `train`."""
        splits = {"train": []}
        for clip in self.clips:
            splits.setdefault(clip.split or "train", []).append(clip)
        return splits

    def fingerprint(self) -> str:
        """Returns a SHA-256 that changes with any clip's name, size, label or split."""
        digest = hashlib.sha256(self.labels.fingerprint.encode())
        for clip in self.clips:
            size = os.path.getsize(clip.path) if os.path.isfile(clip.path) else None
            entry = [clip.data_path, size, clip.label, clip.split]
            digest.update(json.dumps(entry).encode())
        return digest.hexdigest()
