"""The note beside a complete shard, which is kept until all shards are complete."""

import dataclasses
import json
import os

import tensorflow as tf

from gsf_tf.data.records.value_rules import (
    BrokenRule,
    check_count,
    check_object,
    check_text,
    parse_object,
    require,
)
from gsf_tf.errors import DataError
from gsf_tf.files.whole_file import read_small_file, write_whole_file


@dataclasses.dataclass(frozen=True)
class QuarantinedClip:
    """A clip that could not be decoded: one line of `quarantine.jsonl`.

    Attributes:
        path: The clip's `data_path`.
        split: The clip's split.
        label: Name of the clip's class.
        reason: A phrase that says what is wrong with the file.
        frames_decoded: Number of frames that were decoded before the failure.
    """

    path: str
    split: str
    label: str
    reason: str
    frames_decoded: int

    @classmethod
    def of(cls, values: dict) -> "QuarantinedClip":
        """Returns the clip of an object of JSON.

        Raises:
            BrokenRule: If a value is not as it is written.
        """
        check_object("a clip in quarantine", values, _CLIP_RULES)
        return cls(**values)


@dataclasses.dataclass(frozen=True)
class FinishedShard:
    """The counts of a complete shard, saved as `SHARD.finished.json` after the shard itself.

    Attributes:
        name: The shard's file name.
        split: The shard's split.
        plan: The `RecordPlan.fingerprint` of the run that wrote the shard.
        clips: Number of clips in the shard.
        frames: Number of frames in the shard.
        record_bytes: Bytes of all records, without their framing.
        file_bytes: Bytes of the file.
        quarantined: The clips that belong to the shard but cannot be decoded.
    """

    name: str
    split: str
    plan: str
    clips: int
    frames: int
    record_bytes: int
    file_bytes: int
    quarantined: tuple[QuarantinedClip, ...]

    def save(self, folder: str) -> None:
        """Writes the file beside the shard, completely or not at all."""
        path = os.path.join(folder, self.file_name(self.name))
        write_whole_file(path, json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, folder: str, name: str, plan: str) -> "FinishedShard | None":
        """Reads the file that `save` wrote.

        Args:
            folder: Folder of the records.
            name: The shard's file name.
            plan: The `RecordPlan.fingerprint` of the current run.

        Returns:
            The counts. `None` if the shard does not exist with this size, if another plan wrote it,
            or if the file is damaged, for example after a power failure.
        """
        try:
            values = parse_object(read_small_file(os.path.join(folder, cls.file_name(name))))
            check_object("the file", values, _SHARD_RULES)
            values["quarantined"] = tuple(map(QuarantinedClip.of, values["quarantined"]))
            size = tf.io.gfile.stat(os.path.join(folder, name)).length
        except (tf.errors.NotFoundError, DataError, BrokenRule):
            return None
        shard = cls(**values)
        return shard if (shard.name, shard.plan, shard.file_bytes) == (name, plan, size) else None

    @staticmethod
    def file_name(name: str) -> str:
        """Returns the name of the file that `save` writes for the shard `name`."""
        return name.removesuffix(".tfrecord") + ".finished.json"


def _check_list(name, value):
    require(isinstance(value, list), name, "a list", value)


_CLIP_RULES = {
    **dict.fromkeys(("path", "split", "label", "reason"), check_text),
    "frames_decoded": check_count,
}

_SHARD_RULES = {
    **dict.fromkeys(("name", "split", "plan"), check_text),
    **dict.fromkeys(("clips", "frames", "record_bytes", "file_bytes"), check_count),
    "quarantined": _check_list,
}
