import os

import tensorflow as tf
from google.protobuf.message import DecodeError

from gsf_tf.data.records import object_store
from gsf_tf.data.records.damage_log import DamagedRecord
from gsf_tf.data.records.dataset_info import DatasetInfo
from gsf_tf.data.records.shard_check import check_shard


@object_store.reports_store_errors
def read_clip_lengths(folder: str, split: str) -> dict[str, int]:
    """Reads how many frames each clip of a split has. Damaged records are left out.

    Args:
        folder: Folder of the records, local or in an object store.
        split: Name of the split.

    Returns:
        A dictionary from the id of each clip, as `video_dataset_from_records` gives it with
        `clip_ids=True`, to its number of frames.

    Raises:
        DataError: If the folder holds no complete records, or no such split.
    """
    info = DatasetInfo.load(folder)
    info.num_clips(split)
    lengths = {}
    for path in info.shard_files(folder, split):
        shard = os.path.basename(path)
        for item in check_shard(path, info.splits[split]["shards"][shard], {}, None):
            if not isinstance(item, DamagedRecord):
                index, _, record = item
                lengths.update(_length(f"{shard}:{index}", record))
    return lengths


def _length(place, record):
    """Returns the id and the number of frames of a record; nothing if it is no clip."""
    try:
        example = tf.train.SequenceExample.FromString(record)
    except DecodeError:
        return {}
    media_id = example.context.feature["clip/media_id"].bytes_list.value
    if len(media_id) != 1:
        return {}
    frames = example.feature_lists.feature_list["image/encoded"].feature
    return {f"{place} {media_id[0].decode('utf-8', 'replace')}": len(frames)}
