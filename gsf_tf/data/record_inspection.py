"""Reading all records of a folder once, to say what is in them."""

import collections
import dataclasses
import hashlib
import heapq
import os
from collections.abc import Callable

import tensorflow as tf
from google.protobuf.message import DecodeError

from gsf_tf.data import object_store
from gsf_tf.data.data_error import DataError
from gsf_tf.data.dataset_info import DatasetInfo
from gsf_tf.data.records_report import RecordsReport
from gsf_tf.data.sampled_clip import SampledClip

# Frames of a sampled clip that are kept.
SAMPLED_FRAMES = 8


@object_store.reports_store_errors
def inspect_records(
    folder: str,
    *,
    sample: int = 12,
    seed: int = 0,
    on_clip: Callable[[], None] = lambda: None,
) -> RecordsReport:
    """Reads every record and counts.

    Two clips have the same content when the SHA-256 of their compressed frames is the same: the
    same video under two names, which `trainers.prepare` stores as the same bytes. A video that was
    compressed anew is not found.

    Args:
        folder: Folder of the records, local or in an object store.
        sample: How many clips to keep frames of. They are drawn by the seed and the clips' names.
        seed: Another seed draws others.
        on_clip: Called after each clip.

    Returns:
        A `RecordsReport`.

    Raises:
        DataError: When the folder holds no complete records, a shard is missing or damaged, or a
            record is none of `trainers.prepare`'s.
    """
    info = DatasetInfo.load(folder)
    report = RecordsReport(
        info.labels, {}, {}, collections.Counter(), collections.Counter(), {}, [], [], []
    )
    content, drawn = collections.defaultdict(list), []
    for split, stated in info.splits.items():
        report.frames[split] = collections.Counter()
        report.label_counts[split] = collections.Counter()
        for path in info.shard_files(folder, split):
            count = 0
            for record in _read(path):
                clip = _parse(path, count, record)
                _count(report, split, path, clip)
                content[clip.digest].append((split, clip.data_path))
                _draw(drawn, sample, seed, split, clip, info.labels)
                count += 1
                on_clip()
            if count != stated["shards"][os.path.basename(path)]:
                report.problems.append(
                    f"{path} holds {count} clips, and dataset_info.json says "
                    f"{stated['shards'][os.path.basename(path)]}"
                )
        report.clips[split] = sum(report.label_counts[split].values())
        frames = sum(number * clips for number, clips in report.frames[split].items())
        if frames != stated["frames"]:
            report.problems.append(
                f"{split} holds {frames} frames, and dataset_info.json says {stated['frames']}"
            )
    report.same_content = sorted(sorted(group) for group in content.values() if len(group) > 1)
    chosen = [clip for _, _, clip in drawn]
    report.sample = sorted(chosen, key=lambda clip: (clip.split, clip.label, clip.data_path))
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


def _read(path):
    records = iter(tf.data.TFRecordDataset(path).as_numpy_iterator())
    for number in range(2**62):
        try:
            yield next(records)
        except StopIteration:
            return
        except tf.errors.NotFoundError as error:
            raise DataError(
                f"Every shard of `dataset_info.json` must be there. Received `{path}`, which is "
                "not. Copy it again, or prepare the records again (`--overwrite`)."
            ) from error
        except tf.errors.DataLossError as error:
            raise DataError(
                f"A shard must be as it was written. Received `{path}`, damaged after {number} "
                "whole records. Copy it again, or prepare the records again (`--overwrite`)."
            ) from error


def _parse(path, number, record):
    try:
        example = tf.train.SequenceExample.FromString(record)
        context = example.context.feature
        frames = [
            feature.bytes_list.value[0]
            for feature in example.feature_lists.feature_list["image/encoded"].feature
        ]
        digest = hashlib.sha256()
        for frame in frames:
            digest.update(len(frame).to_bytes(8, "big"))
            digest.update(frame)
        return _Clip(
            context["clip/data_path"].bytes_list.value[0].decode(),
            context["clip/label/index"].int64_list.value[0],
            context["clip/label/string"].bytes_list.value[0].decode(),
            context["image/height"].int64_list.value[0],
            context["image/width"].int64_list.value[0],
            context["image/frame_rate"].float_list.value[0],
            frames,
            digest.digest(),
        )
    except (DecodeError, IndexError, UnicodeDecodeError) as error:
        raise DataError(
            "A record must be a clip as `trainers.prepare` writes it. Received record "
            f"{number} of `{path}`, which is not ({error}). Prepare the records again."
        ) from error


def _count(report, split, path, clip):
    report.frames[split][len(clip.frames)] += 1
    report.shapes[clip.height, clip.width] += 1
    report.frame_rates[round(clip.frame_rate, 2)] += 1
    report.label_counts[split][clip.label_index] += 1
    names = report.labels
    if not 0 <= clip.label_index < len(names) or names[clip.label_index] != clip.label:
        report.problems.append(
            f"{clip.data_path} in {path} has the label {clip.label_index} {clip.label!r}, which "
            "is not that of dataset_info.json"
        )


def _draw(drawn, sample, seed, split, clip, labels):
    """Keeps the clips with the smallest hashes; the heap's root is the largest of them."""
    digest = hashlib.sha256(f"{seed}:{split}:{clip.data_path}".encode()).digest()
    rank = -int.from_bytes(digest, "big")
    if len(drawn) == sample and (not sample or rank <= drawn[0][0]):
        return
    count = min(SAMPLED_FRAMES, len(clip.frames))
    frames = [clip.frames[(2 * i + 1) * len(clip.frames) // (2 * count)] for i in range(count)]
    chosen = SampledClip(split, clip.data_path, clip.label, len(clip.frames), frames)
    entry = (rank, clip.data_path, chosen)
    if len(drawn) < sample:
        heapq.heappush(drawn, entry)
    else:
        heapq.heappushpop(drawn, entry)
