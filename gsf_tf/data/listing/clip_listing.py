"""The clips of a dataset, with their label maps and the dataset's origin."""

import dataclasses
import functools
import hashlib
import json
import os
import stat

from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.listing.label_map import LabelMap


@dataclasses.dataclass(frozen=True)
class ClipListing:
    """The clips that were found in a folder, a list file or a published dataset.

    Attributes:
        clips: The clips, sorted by `data_path`.
        labels: The label map of their classes.
        ignored: Number of files that were ignored because their extension is neither that of a
            video nor that of an image, for each extension.
        source: The dataset and its version, such as `Diving48 V2`.
        missing: Clips that the annotations list but whose files do not exist.
        published: For each split, the number of clips that the dataset's authors state.
        task_classes: The label map of each task beside the action, by the task's name. EPIC-
            KITCHENS has `verb` and `noun`, whose combination is the class (the action). The order
            is that of `ClipSource.task_labels`.
        flip_pairs: Pairs of class names that swap when a clip is mirrored; `None` if unknown (see
            `FlipRule`).
        kind: The kind of the clips: `videos`, `images` (of one frame each) or `folders of
            frames`.
        notes: What was decided while the clips were listed and should be known: which folders are
            splits, which links are left out, which line is a header.
    """

    clips: tuple[ClipSource, ...]
    labels: LabelMap
    ignored: dict[str, int] = dataclasses.field(default_factory=dict)
    source: str = "folder"
    missing: tuple[ClipSource, ...] = ()
    published: dict[str, int] = dataclasses.field(default_factory=dict)
    task_classes: dict[str, LabelMap] = dataclasses.field(default_factory=dict)
    flip_pairs: tuple[tuple[str, str], ...] | None = None
    kind: str = "videos"
    notes: tuple[str, ...] = ()

    def by_split(self) -> dict[str, list[ClipSource]]:
        """Returns the clips of each split, `train` first. Clips without a split are in `train`."""
        splits = {"train": []}
        for clip in self.clips:
            splits.setdefault(clip.split or "train", []).append(clip)
        return splits

    def fingerprint(self) -> str:
        """Returns a SHA-256 that changes with the name, size, label, split or bounds of any clip.

        The size of a folder of frames is the number of its files. The sizes are those at the first
        call, because on a network a million of them take minutes.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self):
        digest = hashlib.sha256(self.labels.fingerprint.encode())
        for labels in self.task_classes.values():
            digest.update(labels.fingerprint.encode())
        for clip in self.clips:
            entry = [clip.data_path, _size(clip.path), clip.label, clip.split]
            if clip.start is not None:
                entry += [clip.start, clip.stop]
            if clip.frame_rate is not None:
                entry.append(clip.frame_rate)
            entry += clip.task_labels
            if clip.frames is not None:
                entry.append(clip.frames)
            digest.update(json.dumps(entry).encode())
        return digest.hexdigest()


def _size(path):
    try:
        found = os.stat(path)
        if stat.S_ISREG(found.st_mode):
            return found.st_size
        return len(os.listdir(path)) if stat.S_ISDIR(found.st_mode) else None
    except (OSError, ValueError):  # It cannot be read, which shows when its turn comes.
        return None
