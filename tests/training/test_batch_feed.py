import types

import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.training.batch_feed import BatchFeed


def two_devices():
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def test_every_clip_goes_to_one_replica_and_ids_stay_together():
    strategy = two_devices()
    clips = tf.range(5)
    label = {"verb": clips * 10, "action": clips * 100}
    dataset = tf.data.Dataset.from_tensor_slices((clips, label, tf.strings.as_string(clips)))
    seen, ids_seen = [], []
    for (clip, parts), ids in BatchFeed(strategy, dataset.batch(3)):
        shares = strategy.experimental_local_results(clip)
        verbs = strategy.experimental_local_results(parts["verb"])
        seen.append([share.numpy().tolist() for share in shares])
        assert [verb.numpy().tolist() for verb in verbs] == [
            [10 * c for c in share] for share in seen[-1]
        ]
        ids_seen += ids.numpy().tolist()
    assert seen == [[[0, 1], [2]], [[3], [4]]]
    assert ids_seen == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("clips", "shares"),
    [(5, [[0, 1], [2], [3], [4]]), (3, [[0], [1], [2], []]), (6, [[0, 1], [2, 3], [4], [5]])],
)
def test_a_replica_is_left_without_clips_only_if_there_are_too_few(clips, shares):
    class FourReplicas:
        """What `BatchFeed` asks of a strategy; the tests have two devices."""

        num_replicas_in_sync = 4
        extended = types.SimpleNamespace(worker_devices=range(4))

        def experimental_distribute_values_from_function(self, part):
            contexts = [types.SimpleNamespace(replica_id_in_sync_group=i) for i in range(4)]
            return [part(context) for context in contexts]

    batch = tf.range(clips)
    feed = BatchFeed(FourReplicas(), tf.data.Dataset.from_tensors((batch, batch)))
    assert [clip.numpy().tolist() for clip, _ in next(feed)[0]] == shares


def test_waiting_is_measured():
    def slow(x):
        return tf.numpy_function(lambda y: __import__("time").sleep(0.05) or y, [x], x.dtype)

    dataset = tf.data.Dataset.range(4).batch(2).map(lambda x: (tf.ensure_shape(slow(x), [2]), x))
    feed = BatchFeed(tf.distribute.get_strategy(), dataset)
    assert len(list(feed)) == 2
    assert 0.1 <= feed.wait_seconds < 5


def test_a_shard_that_vanished(tmp_path):
    records = tf.data.TFRecordDataset(str(tmp_path / "train-00000.tfrecord"))
    feed = BatchFeed(tf.distribute.get_strategy(), records.map(lambda x: (x, x)).batch(1))
    with pytest.raises(UserError, match="(?s)must stay readable.*train-00000.tfrecord"):
        next(feed)
