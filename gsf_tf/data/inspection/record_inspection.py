"""Reads all records of a folder once and reports their contents and their damage."""

import collections
import dataclasses
import hashlib
import heapq
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import tensorflow as tf
from google.protobuf.message import DecodeError
from PIL import Image

from gsf_tf.data.inspection.clip_sheet import SampledClip
from gsf_tf.data.records import object_store
from gsf_tf.data.records.damage_log import DamagedRecord
from gsf_tf.data.records.dataset_info import DatasetInfo
from gsf_tf.data.records.record_schema import label_key
from gsf_tf.data.records.shard_check import check_shard
from gsf_tf.tasks import ACTION


@dataclasses.dataclass
class RecordsReport:
    """The contents of a folder of records, counted from the records themselves.

    Attributes:
        labels: Class names in order, from `dataset_info.json`.
        clips: Number of clips of each split.
        frames: For each split, the number of clips with each number of frames.
        shapes: Number of clips with each (height, width), over all splits.
        frame_rates: Number of clips with each frame rate, rounded to 0.01, over all splits.
        label_counts: For each split, the number of clips of each class index.
        damage: The damaged records of each split, in their order. The other attributes count
            intact records only.
        same_content: Groups of clips whose frames have the same bytes. A clip is a tuple (split,
            `data_path`).
        problems: Sentences about records that contradict `dataset_info.json` or themselves.
        sample: Some clips with frames to draw.
    """

    labels: list[str]
    clips: dict[str, int]
    frames: dict[str, collections.Counter]
    shapes: collections.Counter
    frame_rates: collections.Counter
    label_counts: dict[str, collections.Counter]
    damage: dict[str, list[DamagedRecord]]
    same_content: list[list[tuple[str, str]]]
    problems: list[str]
    sample: list[SampledClip]

    @property
    def missing(self) -> dict[str, int]:
        """Number of clips of each split that are lost to damage."""
        return {
            split: sum(record.clips for record in records) for split, records in self.damage.items()
        }

    @property
    def duplicates(self) -> list[list[tuple[str, str]]]:
        """Groups of clips of which one split holds more than one."""
        return [group for group in self.same_content if len(group) > len(dict(group))]

    @property
    def leaks(self) -> list[list[tuple[str, str]]]:
        """Groups of clips that are in more than one split, so that training sees test clips."""
        return [group for group in self.same_content if len(dict(group)) > 1]

    def as_dict(self) -> dict:
        """Returns all but the sample as a dictionary that JSON can hold."""
        return {
            "clips": self.clips,
            "frames": {
                split: dict(sorted(counts.items())) for split, counts in self.frames.items()
            },
            "shapes": {f"{h}x{w}": count for (h, w), count in self.shapes.most_common()},
            "frame_rates": {str(rate): count for rate, count in self.frame_rates.most_common()},
            "label_counts": {
                split: {name: counts[index] for index, name in enumerate(self.labels)}
                for split, counts in self.label_counts.items()
            },
            "missing": self.missing,
            "damage": {
                split: [dataclasses.asdict(record) for record in records]
                for split, records in self.damage.items()
            },
            "duplicates": self.duplicates,
            "leaks": self.leaks,
            "problems": self.problems,
        }


# Number of frames that are kept of a sampled clip.
SAMPLED_FRAMES = 8


@object_store.reports_store_errors
def inspect_records(
    folder: str,
    *,
    sample: int = 12,
    seed: int = 0,
    decode: bool = True,
    on_clip: Callable[[], None] = lambda: None,
) -> RecordsReport:
    """Reads every record of a folder and counts its contents.

    Damaged records are listed. All counts are of the intact records, which are those that training
    reads.

    Two clips have the same content if the SHA-256 of their compressed frames is the same. This
    finds the same video under two names, which `write_records` stores as the same bytes. It does
    not find a video that was compressed again.

    Args:
        folder: Folder of the records, local or in an object store.
        sample: Number of clips of which frames are kept. They are drawn from the seed and the
            clips' names.
        seed: Decides which clips are drawn.
        decode: Decode every frame, which finds damage inside records whose checksum is correct.
            This takes most of the time.
        on_clip: Called after each clip, including those that are lost to damage.

    Returns:
        A `RecordsReport`.

    Raises:
        DataError: If the folder holds no complete records.
    """
    info = DatasetInfo.load(folder)
    classes = {ACTION: info.labels, **info.task_classes}
    limits = {label_key(task): len(names) for task, names in classes.items()}
    report = RecordsReport(
        info.labels, {}, {}, collections.Counter(), collections.Counter(), {}, {}, [], [], []
    )
    content, drawn = collections.defaultdict(list), []
    for split, stated in info.splits.items():
        report.frames[split] = collections.Counter()
        report.label_counts[split] = collections.Counter()
        report.damage[split] = []
        for path in info.shard_files(folder, split):
            for clip in _read(path, stated["shards"][os.path.basename(path)], limits, decode):
                if isinstance(clip, DamagedRecord):
                    report.damage[split].append(clip)
                    for _ in range(clip.clips):
                        on_clip()
                    continue
                _count(report, split, path, clip)
                content[clip.digest].append((split, clip.data_path))
                _draw(drawn, sample, seed, split, clip, info.labels)
                on_clip()
        report.clips[split] = sum(report.label_counts[split].values())
        frames = sum(number * clips for number, clips in report.frames[split].items())
        if frames != stated["frames"] and not report.damage[split]:
            report.problems.append(
                f"{split} holds {frames} frames, but dataset_info.json states {stated['frames']}"
            )
    report.same_content = sorted(sorted(group) for group in content.values() if len(group) > 1)
    chosen = [clip for _, clip in drawn]
    for clip in sorted(chosen, key=lambda clip: (clip.split, clip.label, clip.data_path)):
        if decode or _is_drawable(clip):
            report.sample.append(clip)
        else:
            name = f"{clip.split} {clip.data_path}"
            report.problems.append(f"{name} has no frame, or one that is a damaged JPEG")
    return report


@dataclasses.dataclass(frozen=True)
class _Clip:
    data_path: str
    label_index: int
    label: str
    height: int
    width: int
    frame_rate: float
    frames: list[bytes]
    digest: bytes


def _read(path, num_clips, limits, decode):
    """Yields a `_Clip` for each intact record of a shard and the `DamagedRecord`s."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for item in check_shard(path, num_clips, limits, pool if decode else None):
            yield item if isinstance(item, DamagedRecord) else _parse(path, *item)


def _parse(path, index, offset, record):
    """Returns a `_Clip`, or a `DamagedRecord` if the record lacks a value."""
    try:
        example = tf.train.SequenceExample.FromString(record)
        frames = [
            _one(feature.bytes_list.value, "image/encoded")
            for feature in example.feature_lists.feature_list["image/encoded"].feature
        ]
        digest = hashlib.sha256()
        for frame in frames:
            digest.update(len(frame).to_bytes(8, "big"))
            digest.update(frame)

        def value(key, kind):
            return _one(getattr(example.context.feature[key], kind).value, key)

        return _Clip(
            value("clip/data_path", "bytes_list").decode(),
            value("clip/label/index", "int64_list"),
            value("clip/label/string", "bytes_list").decode(),
            value("image/height", "int64_list"),
            value("image/width", "int64_list"),
            value("image/frame_rate", "float_list"),
            frames,
            digest.digest(),
        )
    except DecodeError:
        return DamagedRecord(path, index, offset, "it is not a SequenceExample")
    except ValueError as error:
        return DamagedRecord(path, index, offset, str(error))


def _one(values, key):
    if len(values) != 1:
        raise ValueError(f"it does not have one value under `{key}`")
    return values[0]


def _count(report, split, path, clip):
    report.frames[split][len(clip.frames)] += 1
    report.shapes[clip.height, clip.width] += 1
    report.frame_rates[round(clip.frame_rate, 2)] += 1
    report.label_counts[split][clip.label_index] += 1
    names = report.labels
    if not 0 <= clip.label_index < len(names) or names[clip.label_index] != clip.label:
        report.problems.append(
            f"{clip.data_path} in {path} has the label {clip.label_index} {clip.label!r}, which "
            "is not that in dataset_info.json"
        )


def _draw(drawn, sample, seed, split, clip, labels):
    """Keeps the clips with the smallest hashes in a heap whose root has the largest of them."""
    digest = hashlib.sha256(f"{seed}:{split}:{clip.data_path}".encode()).digest()
    rank = -int.from_bytes(digest, "big")
    if len(drawn) == sample and (not sample or rank <= drawn[0][0]):
        return
    if any(rank == other for other, _ in drawn):
        return  # A damaged shard may hold the same clip twice.
    count = min(SAMPLED_FRAMES, len(clip.frames))
    frames = [clip.frames[(2 * i + 1) * len(clip.frames) // (2 * count)] for i in range(count)]
    chosen = SampledClip(split, clip.data_path, clip.label, len(clip.frames), frames)
    if len(drawn) < sample:
        heapq.heappush(drawn, (rank, chosen))
    else:
        heapq.heappushpop(drawn, (rank, chosen))


def _is_drawable(clip):
    try:
        for frame in clip.frames:
            Image.open(io.BytesIO(frame), formats=["JPEG"]).load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return bool(clip.frames)
