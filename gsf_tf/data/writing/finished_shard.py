"""What is remembered of a shard that is complete, until all are."""

import dataclasses
import json
import os

import tensorflow as tf

from gsf_tf.whole_file import write_whole_file


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


@dataclasses.dataclass(frozen=True)
class FinishedShard:
    """The counts of one shard; its file `SHARD.finished.json` is written after the shard.

    Attributes:
        name: The shard's file name.
        split: The split that it is a part of.
        plan: `RecordPlan.fingerprint` of the run that wrote it.
        clips: Number of clips in it.
        frames: Number of frames in it.
        record_bytes: Size of its records.
        file_bytes: Size of the file.
        quarantined: The clips that were to be in it and cannot be decoded.
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
        """Writes the file beside the shard, all of it or nothing."""
        path = os.path.join(folder, self.file_name(self.name))
        write_whole_file(path, json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, folder: str, name: str, plan: str) -> "FinishedShard | None":
        """Reads the file that `save` wrote.

        Args:
            folder: Folder of the records.
            name: The shard's file name.
            plan: Fingerprint of the plan that it must belong to.

        Returns:
            `None` when the shard is not there with this size, was written by another plan, or when
            the file is not whole, as a machine that loses its power may leave it.
        """
        try:
            with tf.io.gfile.GFile(os.path.join(folder, cls.file_name(name)), "r") as file:
                values = json.load(file)
            size = tf.io.gfile.stat(os.path.join(folder, name)).length
        except (tf.errors.NotFoundError, ValueError):
            return None
        if values["plan"] != plan or values["file_bytes"] != size:
            return None
        values["quarantined"] = tuple(QuarantinedClip(**clip) for clip in values["quarantined"])
        return cls(**values)

    @staticmethod
    def file_name(name: str) -> str:
        """Returns the name of the file that `save` writes for the shard `name`."""
        return name.removesuffix(".tfrecord") + ".finished.json"
