"""The clips of a dataset and how they were found."""

import dataclasses
import hashlib
import json
import os

from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.listing.label_map import LabelMap


@dataclasses.dataclass(frozen=True)
class ClipListing:
    """What a folder, a list file or a dataset as published holds.

    Attributes:
        clips: The clips, sorted by `data_path`.
        labels: Their label map.
        ignored: Number of files left out because their extension is no video's or image's, by
            extension.
        source: The dataset and its version, as `Diving48 V2`.
        missing: Clips that the annotations list and whose files are not there.
        published: Number of clips that the publication names for each split.
        part_labels: Where a class is a combination, the label map of each part by its name
            (`verb`, `noun`), in the order of `ClipSource.parts`.
        flip_pairs: Names of the classes that swap when a clip is mirrored; `None` where nobody
            has said (see `FlipRule`).
        kind: What the clips of a folder per class are: `videos`, `images` (of one frame each) or
            `folders of frames`.
    """

    clips: tuple[ClipSource, ...]
    labels: LabelMap
    ignored: dict[str, int] = dataclasses.field(default_factory=dict)
    source: str = "folder"
    missing: tuple[ClipSource, ...] = ()
    published: dict[str, int] = dataclasses.field(default_factory=dict)
    part_labels: dict[str, LabelMap] = dataclasses.field(default_factory=dict)
    flip_pairs: tuple[tuple[str, str], ...] | None = None
    kind: str = "videos"

    def by_split(self) -> dict[str, list[ClipSource]]:
        """Returns the clips of each split, `train` first; clips without one are `train`."""
        splits = {"train": []}
        for clip in self.clips:
            splits.setdefault(clip.split or "train", []).append(clip)
        return splits

    def fingerprint(self) -> str:
        """Returns a SHA-256 that changes with any clip's name, size, label, split or bounds.

        The size of a folder of frames is the number of its files.
        """
        digest = hashlib.sha256(self.labels.fingerprint.encode())
        for labels in self.part_labels.values():
            digest.update(labels.fingerprint.encode())
        for clip in self.clips:
            entry = [clip.data_path, _size(clip.path), clip.label, clip.split]
            if clip.start is not None:
                entry += [clip.start, clip.stop]
            if clip.frame_rate is not None:
                entry.append(clip.frame_rate)
            entry += clip.parts
            digest.update(json.dumps(entry).encode())
        return digest.hexdigest()


def _size(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return len(os.listdir(path)) if os.path.isdir(path) else None
