import collections
import os

import tensorflow as tf

from gsf_tf.data.records import object_store
from gsf_tf.data.records.damage_log import DamagedRecord
from gsf_tf.data.records.dataset_info import DatasetInfo
from gsf_tf.data.records.record_schema import label_key
from gsf_tf.data.records.shard_check import check_shard
from gsf_tf.tasks import ACTION


@object_store.reports_store_errors
def count_classes(info: DatasetInfo, folder: str, split: str) -> list[int]:
    """Returns the number of clips of each class; it reads all records of the split.

    Damaged records are not counted.

    Args:
        info: Description of the records.
        folder: Folder of the records.
        split: Name of the split.

    Raises:
        DataError: If the records have no such split.
    """
    key, shards = label_key(ACTION), info.splits[split]["shards"]
    counts = collections.Counter()
    for path in info.shard_files(folder, split):
        limits = {key: len(info.labels)}
        for item in check_shard(path, shards[os.path.basename(path)], limits, None):
            if not isinstance(item, DamagedRecord):
                context = tf.train.SequenceExample.FromString(item[-1]).context
                counts[context.feature[key].int64_list.value[0]] += 1
    return [counts[index] for index in range(len(info.labels))]
