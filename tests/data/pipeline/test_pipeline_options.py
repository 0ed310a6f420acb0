import collections
import itertools
import shutil

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import Augmentation, DataError, frames_to_clip, video_dataset_from_records
from gsf_tf.ops import scale_crops
from tests import exhaustive
from tests.data.video_maker import make_video

TRAINING = {"training": True, "seed": 1, "epoch": 3}


def batches(records, batch_size=4, **options):
    dataset = video_dataset_from_records(
        f"{records}/*.tfrecord", 2, batch_size, image_size=(16, 16), **options
    )
    return [(clips.numpy(), labels.numpy()) for clips, labels in dataset]


def assert_same(first, second):
    for batch, other in zip(first, second, strict=True):
        for part, other_part in zip(batch, other, strict=True):
            np.testing.assert_array_equal(part, other_part)


def clips_of(batches):
    """Every clip with its label, whatever the order."""
    return collections.Counter(
        (clip.tobytes(), label.tobytes())
        for clips, labels in batches
        for clip, label in zip(clips, labels, strict=True)
    )


@pytest.fixture(scope="module")
def epoch(records):
    return batches(records, drop_remainder=False, **TRAINING)


@pytest.mark.parametrize("training", [True, False])
def test_resume_in_the_middle_of_an_epoch(records, training):
    options = TRAINING | {"training": training}
    if training:
        options["augmentation"] = {"erasing": 0.5, "cutmix": 1.0}
    whole = batches(records, **options)
    assert len(whole) == (3 if training else 4)
    assert_same(batches(records, skip_batches=2, **options), whole[2:])


@pytest.mark.parametrize("num_parallel_calls", [1, 2])
def test_the_number_of_parallel_calls_changes_nothing(records, epoch, num_parallel_calls):
    options = TRAINING | {"drop_remainder": False, "num_parallel_calls": num_parallel_calls}
    assert_same(batches(records, **options), epoch)


def test_two_workers_share_the_batches_of_one(records):
    whole = batches(records, 4, **TRAINING)
    shares = [batches(records, 2, num_workers=2, worker=i, **TRAINING) for i in range(2)]
    assert len(shares[0]) == len(shares[1]) == len(whole) == 3
    for batch, first, second in zip(whole, *shares, strict=True):
        for part in range(2):
            np.testing.assert_array_equal(batch[part][0::2], first[part])
            np.testing.assert_array_equal(batch[part][1::2], second[part])


@pytest.mark.parametrize(
    ("training", "shard_by"),
    exhaustive.cases([(True, "file"), (False, "record")], lambda case: case[0]),
)
def test_workers_have_every_clip_once(records, training, shard_by):
    options = TRAINING | {"training": training, "drop_remainder": False, "num_parallel_calls": 1}
    whole = clips_of(batches(records, **options))
    shares = [
        clips_of(batches(records, num_workers=3, worker=i, shard_by=shard_by, **options))
        for i in range(3)
    ]
    assert all(shares)
    total = sum(shares, collections.Counter())
    assert total == whole and sum(total.values()) == 15


def test_records_in_memory(records, tmp_path):
    copy = shutil.copytree(records, tmp_path / "records")
    options = {"training": True, "image_size": (16, 16), "drop_remainder": False}
    dataset = video_dataset_from_records(f"{copy}/*.tfrecord", 2, 15, cache=True, **options)
    ((first, labels),) = dataset
    for file in copy.glob("*.tfrecord"):
        file.unlink()
    ((second, other_labels),) = dataset
    assert sorted(labels.numpy()) == sorted(other_labels.numpy()) == [0] * 5 + [1] * 5 + [2] * 5
    assert (first.numpy() != second.numpy()).any()


def test_a_cached_epoch_can_be_replayed(records, epoch):
    cached = batches(records, drop_remainder=False, cache=True, **TRAINING)
    assert clips_of(cached) == clips_of(epoch)
    assert_same(batches(records, drop_remainder=False, cache=True, **TRAINING), cached)


def test_shards_on_a_local_disk(records, epoch, tmp_path):
    source = shutil.copytree(records, tmp_path / "records")
    options = TRAINING | {"drop_remainder": False, "cache": tmp_path / "copies"}
    assert_same(batches(source, **options), epoch)
    copies = list((tmp_path / "copies").iterdir())
    assert len(copies) == len(list(source.glob("*.tfrecord")))
    assert all(copy.suffix == ".tfrecord" for copy in copies)
    # A copy that broke off is made again.
    copies[0].write_bytes(copies[0].read_bytes()[:100])
    assert_same(batches(source, **options), epoch)


def test_any_order_has_the_same_clips(records, epoch):
    unordered = batches(records, drop_remainder=False, deterministic=False, **TRAINING)
    assert clips_of(unordered) == clips_of(epoch)


@pytest.fixture(params=[1, 2])
def service(request):
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    address = dispatcher.target
    config = service.WorkerConfig(address.split("://")[1], heartbeat_interval_ms=100)
    workers = [service.WorkerServer(config) for _ in range(request.param)]
    yield address
    for server in (*workers, dispatcher):
        server._stop()


@exhaustive.MARK
def test_a_data_service_gives_the_same_batches(records, epoch, service):
    options = TRAINING | {"drop_remainder": False, "service": service}
    assert_same(batches(records, skip_batches=1, **options), epoch[1:])


def test_views_are_clips_times_crops(tmp_path, records):
    (clips, labels), *_ = batches(records, 15, num_clips=2, num_crops=3)
    assert clips.shape == (15, 6, 2, 16, 16, 3) and labels.shape == (15,)
    frames = np.random.default_rng(0).integers(0, 256, [12, 40, 64, 3], np.uint8)
    views = frames_to_clip(frames, 3, (40, 40), num_clips=2, num_crops=3, full_short_side=True)
    expected = [
        frames[[[0, 4, 8], [2, 6, 10]][clip], :, left : left + 40]
        for clip, left in itertools.product(range(2), (0, 12, 24))
    ]
    np.testing.assert_array_equal(views, expected)


def test_views_of_an_upright_video_along_its_width():
    frames = np.random.default_rng(0).integers(0, 256, [4, 64, 40, 3], np.uint8)
    views = frames_to_clip(frames, 2, (32, 32), num_crops=3, crops_along="width")
    # An input of 32 pixels is cut out of a short side of 32 * 256 // 224 = 36.
    size = round(40 * 32 / 36)
    left = (40 - size) // 4
    boxes = [[(64 - size) // 4 * 2, left * quarters, size, size] for quarters in (0, 2, 4)]
    np.testing.assert_array_equal(views, scale_crops(frames[[1, 3]], boxes, (32, 32)))


def test_the_center_view_is_the_single_one(records):
    (single, _), *_ = batches(records, 15)
    (views, _), *_ = batches(records, 15, num_crops=3)
    assert (views[:, 0] != views[:, 2]).any()
    # Decoding a smaller part may change the last bit of chroma at its border.
    assert np.abs(views[:, 1].astype(int) - single).max() <= 8
    assert np.abs(views[:, 1].astype(int) - single).mean() < 0.1


def test_dense_frames(tmp_path):
    path = make_video(tmp_path / "a.mp4", 12)
    dense = frames_to_clip(path, 3, (64, 64), sampling="dense", frame_stride=2)
    segments = frames_to_clip(path, 12, (64, 64))
    np.testing.assert_array_equal(dense, segments[[3, 5, 7]])


def test_mixing_gives_shares_of_the_classes(records):
    mixed = batches(records, augmentation=Augmentation(mixup=0.8), **TRAINING)
    for clips, labels in mixed:
        assert clips.dtype == np.uint8 and labels.shape == (4, 3)
        np.testing.assert_allclose(labels.sum(1), 1, atol=1e-6)
    # Testing does not mix.
    assert batches(records, augmentation=Augmentation(mixup=0.8))[0][1].dtype == np.int32


@pytest.mark.parametrize(
    "options, message",
    [
        ({"worker": 2, "num_workers": 2}, "worker=2, num_workers=2"),
        ({"shard_by": "clip"}, "'clip'"),
        ({"shard_by": "file", "num_workers": 99}, "num_workers=99"),
        ({"skip_batches": -1}, "Received: skip_batches=-1"),
        ({"sampling": "sparse"}, "'sparse'"),
        ({"frame_stride": 2}, "sampling='segments'"),
        ({"training": True, "num_crops": 3}, "1 in training"),
        ({"num_clips": 0}, "`num_clips`"),
        ({"crops_along": "height"}, "'longer_side', 'width'. Received: crops_along='height'"),
        ({"service": "grpc://localhost:1", "training": True}, "`epoch` must be given"),
        ({"service": "grpc://localhost:1", "cache": True}, "`cache`"),
    ],
)
def test_arguments_that_break_a_rule(records, options, message):
    with pytest.raises(DataError, match=message):
        batches(records, **options)
