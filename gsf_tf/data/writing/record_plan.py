"""Decides which clip goes into which shard."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence

import av
import numpy as np
import PIL
import tensorflow as tf

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records.record_settings import MAX_NUMBER, RecordSettings
from gsf_tf.data.records.value_rules import (
    BrokenRule,
    check_count,
    check_names,
    check_object,
    check_settings,
    check_text,
    parse_object,
    require,
)
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.errors import DataError
from gsf_tf.files.whole_file import read_small_file, write_whole_file


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """A shard that is still to be written.

    Attributes:
        name: The name of the shard's file.
        split: The shard's split.
        clips: The shard's clips, in their order.
    """

    name: str
    split: str
    clips: tuple[ClipSource, ...]


FILE_NAME = "in_progress.json"

# Since version 2, a record has the offsets of its frames.
RECORD_FORMAT = "2"

# The size of a shard if `clips_per_shard` is 0. Shards have 100 to 200 MB if the estimated size of
# a clip is right within a quarter and the split has at least 130 MB.
SHARD_BYTES = 130e6


@dataclasses.dataclass(frozen=True)
class RecordPlan:
    """Everything that decides the shards of a run: runs with equal plans write equal bytes.

    During a run the plan is in the file `in_progress.json`. From this file a later run knows
    whether it may continue the earlier one.

    Attributes:
        settings: The `RecordSettings` as a dictionary.
        labels: Class names in order.
        source_fingerprint: The `ClipListing.fingerprint` of the clips.
        num_clips: Number of clips.
        versions: Versions of PyAV and Pillow, which decode and compress, and of the record format.
        clip_bytes: Mean size of a sample of clips. `None` if `clips_per_shard` is set, or if the
            sample has not been taken yet.
    """

    settings: dict
    labels: list[str]
    source_fingerprint: str
    num_clips: int
    versions: dict[str, str]
    clip_bytes: float | None = None

    @classmethod
    def of(cls, listing: ClipListing, settings: RecordSettings) -> "RecordPlan":
        """Returns the plan of a run, without `clip_bytes`."""
        return cls(
            dataclasses.asdict(settings),
            list(listing.labels),
            listing.fingerprint(),
            len(listing.clips),
            {"av": av.__version__, "pillow": PIL.__version__, "records": RECORD_FORMAT},
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the plan."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(
        self, settings: dict, labels: list[str], source_fingerprint: str, num_clips: int
    ) -> list[str]:
        """Returns phrases on what differs in existing records.

        Args:
            settings: `RecordSettings` of the existing records, as a dictionary.
            labels: Their class names in order.
            source_fingerprint: The `ClipListing.fingerprint` of their clips.
            num_clips: Their number of clips, those in quarantine included.
        """
        limits = dataclasses.asdict(ClipLimits())  # Earlier versions had none.
        old, new = {**limits, **settings}, {**limits, **self.settings}
        found = [
            f"{name}: {old.get(name)} in the folder, {value} now"
            for name, value in new.items()
            if old.get(name) != value
        ]
        if labels != self.labels:
            found.append(f"classes: {len(labels)} in the folder, {len(self.labels)} now")
        if source_fingerprint != self.source_fingerprint:
            found.append(
                f"the videos, their labels or their split ({num_clips} clips in the folder, "
                f"{self.num_clips} now)"
            )
        return found

    def differences_to(self, begun: "RecordPlan") -> list[str]:
        """Returns phrases on what differs in the plan of an interrupted run."""
        found = self.differences(
            begun.settings, begun.labels, begun.source_fingerprint, begun.num_clips
        )
        for name, version in self.versions.items():
            if begun.versions.get(name) != version:
                found.append(
                    f"{name}: version {begun.versions.get(name)} in the folder, {version} now"
                )
        return found

    def in_order(self, clips: Sequence[ClipSource]) -> list[ClipSource]:
        """Returns the clips in an order that depends on the seed and the clips' names only."""
        names = (f"{self.settings['seed']}:{clip.data_path}".encode() for clip in clips)
        # Half of a digest differs for all names. As Python objects, those of a million clips would
        # take 80 MB.
        digests = (hashlib.sha256(name).digest()[:16] for name in names)
        digests = np.fromiter(digests, "S16", len(clips))
        return [clips[number] for number in np.argsort(digests, kind="stable")]

    def shards(self, listing: ClipListing) -> list[PlannedShard]:
        """Returns the shards of all splits."""
        shards = []
        for split, clips in listing.by_split().items():
            order = self.in_order(clips)
            count = self._num_shards(len(order))
            for number in range(count):
                name = f"{split}-{number:05d}-of-{count:05d}.tfrecord"
                shards.append(PlannedShard(name, split, tuple(order[number::count])))
        return shards

    def _num_shards(self, num_clips):
        if self.settings["clips_per_shard"]:
            return -(-num_clips // self.settings["clips_per_shard"])
        # The nearest number, because the next larger one would halve the shards of a small split.
        return min(num_clips, max(1, round(num_clips * self.clip_bytes / SHARD_BYTES)))

    def save(self, folder: str) -> None:
        """Writes `in_progress.json` into `folder`, completely or not at all."""
        write_whole_file(os.path.join(folder, FILE_NAME), json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, folder: str) -> "RecordPlan | None":
        """Reads the file that `save` wrote; returns `None` if `folder` holds no interrupted run.

        Raises:
            DataError: If the file is damaged or was written by another version.
        """
        path = os.path.join(folder, FILE_NAME)
        if not tf.io.gfile.exists(path):
            return None
        try:
            values = parse_object(read_small_file(path))
            check_object("the plan", values, _RULES)
            return cls(**values)
        except BrokenRule as error:
            raise DataError(
                f"`{path}` must be as this version of gsf_tf writes it. Received: another file "
                f"({error}), so the interrupted run of this folder cannot be continued. Start over "
                "(`overwrite`)."
            ) from error


def _check_versions(name, value):
    require(isinstance(value, dict), name, "an object", value)
    for package, version in value.items():
        check_text(f"{name}[{package!r:.80}]", version)


def _check_clip_bytes(name, value):
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_size = is_number and 0 <= value <= MAX_NUMBER
    require(value is None or is_size, name, f"null or a number in 0..{MAX_NUMBER}", value)


_RULES = {
    "settings": check_settings,
    "labels": check_names,
    "source_fingerprint": check_text,
    "num_clips": check_count,
    "versions": _check_versions,
    "clip_bytes": _check_clip_bytes,
}
