"""Which clip goes into which shard."""

import dataclasses
import hashlib
import json
import os

import av
import PIL
import tensorflow as tf

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.errors import DataError
from gsf_tf.whole_file import write_whole_file


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """One shard before it is written.

    Attributes:
        name: Its file's name.
        split: The split that it is a part of.
        clips: Its clips, in their order.
    """

    name: str
    split: str
    clips: tuple[ClipSource, ...]


FILE_NAME = "in_progress.json"

# Since 2, a record says where its frames are.
RECORD_FORMAT = "2"

# Where the number of clips in a shard is left open. Shards are 100 to 200 MB large if the estimate
# is right within a quarter and a split has at least 130 MB.
SHARD_BYTES = 130e6


@dataclasses.dataclass(frozen=True)
class RecordPlan:
    """Everything that decides the shards of a run: a run with an equal plan gives equal bytes.

    While a run is under way it is the file `in_progress.json`, by which another run knows
    whether it may continue.

    Attributes:
        settings: `RecordSettings` as a dictionary.
        labels: Class names in order.
        source_fingerprint: `ClipListing.fingerprint` of the clips.
        num_clips: Number of clips.
        versions: Of the libraries that decode videos and compress frames, and of the records.
        clip_bytes: Mean size of a sample of clips; `None` where the settings give the number of
            clips per shard, or before the sample is taken.
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
        """Says what is not the same in what is there, which the arguments describe."""
        found = [
            f"{name}: {settings.get(name)} there, {value} here"
            for name, value in self.settings.items()
            if settings.get(name) != value
        ]
        if labels != self.labels:
            found.append(f"classes: {len(labels)} there, {len(self.labels)} here")
        if source_fingerprint != self.source_fingerprint:
            found.append(
                f"the videos, their labels or their split ({num_clips} clips there, "
                f"{self.num_clips} here)"
            )
        return found

    def differences_to(self, begun: "RecordPlan") -> list[str]:
        """Says in what a run that was begun differs, `clip_bytes` aside."""
        found = self.differences(
            begun.settings, begun.labels, begun.source_fingerprint, begun.num_clips
        )
        for name, version in self.versions.items():
            if begun.versions.get(name) != version:
                found.append(f"{name}: version {begun.versions.get(name)} there, {version} here")
        return found

    def in_order(self, clips: list[ClipSource]) -> list[ClipSource]:
        """Returns the clips mixed by the seed, the same whatever order they come in."""

        def position(clip):
            return hashlib.sha256(f"{self.settings['seed']}:{clip.data_path}".encode()).digest()

        return sorted(clips, key=position)

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
        # The nearest number, for the next larger one would halve the shards of a small split.
        return min(num_clips, max(1, round(num_clips * self.clip_bytes / SHARD_BYTES)))

    def save(self, folder: str) -> None:
        """Writes `in_progress.json`, all of it or nothing."""
        write_whole_file(os.path.join(folder, FILE_NAME), json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, folder: str) -> "RecordPlan | None":
        """Reads what `save` wrote; `None` when no run is under way in `folder`.

        Raises:
            DataError: When the file is damaged or another version's.
        """
        path = os.path.join(folder, FILE_NAME)
        if not tf.io.gfile.exists(path):
            return None
        try:
            with tf.io.gfile.GFile(path, "r") as file:
                return cls(**json.load(file))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"`{path}` must be as this version of `trainers.prepare` wrote it. Received "
                f"another file ({error}), so the run that was interrupted there cannot be "
                "continued. Begin anew (`--overwrite`)."
            ) from error
