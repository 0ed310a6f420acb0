import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import (
    DataError,
    RecordSettings,
    frames_to_clip,
    list_video_folder,
    split_for_validation,
    video_dataset_from_records,
    write_records,
)
from tests import exhaustive
from tests.data.small_records import write_small_records
from tests.data.video_maker import REAL_VIDEOS, frame_numbers, make_video


def batches(*args, **kwargs):
    return [(clip.numpy(), label.numpy()) for clip, label in video_dataset_from_records(
        *args, image_size=(32, 32), **kwargs)]  # fmt: skip


def same(first, second):
    return len(first) == len(second) and all(
        np.array_equal(a, b) for x, y in zip(first, second, strict=True)
        for a, b in zip(x, y, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("batch_size", [4, 15, 100])
def test_evaluation_counts_every_clip_once(records, batch_size):
    pattern = f"{records}/*.tfrecord"
    dataset = video_dataset_from_records(pattern, 4, batch_size, image_size=(32, 32))
    assert dataset.element_spec[0] == tf.TensorSpec([None, 4, 32, 32, 3], tf.uint8)
    assert dataset.element_spec[1] == tf.TensorSpec([None], tf.int32)
    assert dataset.class_names == ["closing it", "down", "up"]
    assert int(dataset.cardinality()) == -(-15 // batch_size)
    labels = np.concatenate([label for _, label in dataset])
    assert collections.Counter(labels.tolist()) == {0: 5, 1: 5, 2: 5}


def test_training_drops_the_remainder(records):
    dropped = batches(f"{records}/*.tfrecord", 4, 4, training=True)
    assert [len(label) for _, label in dropped] == [4, 4, 4]
    kept = batches(f"{records}/*.tfrecord", 4, 4, training=True, drop_remainder=False)
    assert sum(len(label) for _, label in kept) == 15


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_the_functions_of_the_pipeline_hold_no_copies_of_the_names_of_shards(tmp_path, on_error):
    write_small_records(tmp_path, 1, 2, num_shards=3)
    dataset = video_dataset_from_records(
        f"{tmp_path}/train-*", 2, 2, image_size=16, training=True, epoch=0, on_error=on_error
    )
    text = tf.raw_ops.DatasetToGraphV2(input_dataset=dataset._variant_tensor).numpy()
    graph = tf.compat.v1.GraphDef.FromString(text)
    assert b"train-00001-of-00003" in text
    assert b"train-00001-of-00003" not in graph.library.SerializeToString()


def test_epoch_can_be_replayed(records):
    def epoch(number, seed=1, training=True):
        return batches(f"{records}/*.tfrecord", 4, 5, training=training, seed=seed, epoch=number)

    third = epoch(3)
    assert same(third, epoch(3))
    assert not same(third, epoch(4))
    assert not same(third, epoch(3, seed=2))
    assert same(epoch(0, training=False), epoch(1, seed=2, training=False))
    dataset = video_dataset_from_records(f"{records}/*.tfrecord", 4, 5, training=True, epoch=3)
    assert same([(c.numpy(), y.numpy()) for c, y in dataset],
                [(c.numpy(), y.numpy()) for c, y in dataset])  # fmt: skip


def test_every_pass_is_new_without_an_epoch(records):
    def passes():
        dataset = video_dataset_from_records(f"{records}/*.tfrecord", 4, 5, training=True, seed=1)
        return [[(c.numpy(), y.numpy()) for c, y in dataset] for _ in range(2)]

    first, second = passes()
    assert not same(first, second)
    assert same(first, passes()[0]) and same(second, passes()[1])


@pytest.fixture(scope="module")
def still_records(tmp_path_factory):
    """Long clips at quality 100: frames tell their numbers."""
    folder = tmp_path_factory.mktemp("still")
    for name in ("a", "b"):
        for number in range(3):
            make_video(folder / "videos" / name / f"{number}.mp4", 32, 64, 96)
    listing = split_for_validation(list_video_folder(folder / "videos"), 0.0)
    settings = RecordSettings(jpeg_quality=100, short_side=48)
    write_records(listing, str(folder / "records"), settings)
    return folder


def test_training_draws_segments_and_one_crop_per_clip(still_records):
    pattern = f"{still_records}/records/train*"
    crops, numbers = set(), []
    dataset = video_dataset_from_records(pattern, 8, 3, image_size=(32, 32), training=True, seed=1)
    for _ in range(12):
        for clips, _ in dataset.as_numpy_iterator():
            for clip in clips:
                numbers.append(frame_numbers(clip))
                bright = (clip > 200).all(-1)
                crops.add(tuple(bright[0].sum(0)) + tuple(bright[0].sum(1)))
                # The edges of the bright quarter stay where they are in all frames.
                assert np.ptp(bright.sum(1).max(1)) <= 1
                assert np.ptp(bright.sum(2).max(1)) <= 1
    offsets = np.stack(numbers) - np.arange(8) * 4
    assert offsets.min() == 0 and offsets.max() == 3
    assert len(crops) > 20


def test_evaluation_takes_the_middle_of_each_segment(still_records):
    for clips, _ in batches(f"{still_records}/records/train*", 8, 2):
        for clip in clips:
            np.testing.assert_array_equal(frame_numbers(clip), np.arange(8) * 4 + 2)


def check_prediction_equals_evaluation(folder, pattern, short_side, image_size, tolerance):
    dataset = video_dataset_from_records(pattern, 8, 1, image_size=image_size)
    from_records = np.concatenate([clip for clip, _ in dataset])
    paths = sorted(folder.rglob("*.*"))
    from_files = np.stack([frames_to_clip(p, 8, image_size, short_side=short_side) for p in paths])
    assert len(from_records) == len(paths)
    for clip in from_files:
        difference = np.abs(from_records.astype(int) - clip).mean(axis=(1, 2, 3, 4))
        assert difference.min() < tolerance


def test_prediction_equals_evaluation(still_records):
    pattern = f"{still_records}/records/train*"
    check_prediction_equals_evaluation(still_records / "videos", pattern, 48, (42, 42), 1.0)


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"{REAL_VIDEOS} is not there")
def test_prediction_equals_evaluation_on_real_videos(tmp_path):
    names = ["rotated_90.mov", "h265.mp4", "xvid_320x240.avi", "street_h264.mp4"]
    for index, name in enumerate(names):
        target = tmp_path / "videos" / "ab"[index % 2] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(REAL_VIDEOS / name)
    listing = split_for_validation(list_video_folder(tmp_path / "videos"), 0.0)
    write_records(listing, str(tmp_path / "records"), RecordSettings(jpeg_quality=100))
    pattern = f"{tmp_path}/records/train*"
    check_prediction_equals_evaluation(tmp_path / "videos", pattern, 256, (224, 224), 1.5)


def test_fewer_frames_than_segments(tmp_path):
    path = make_video(tmp_path / "a.mp4", 3)
    clip = frames_to_clip(path, 8, (32, 32))
    assert clip.shape == (8, 32, 32, 3) and clip.dtype == np.uint8
    np.testing.assert_array_equal(frame_numbers(clip), [0, 0, 0, 1, 1, 2, 2, 2])


def test_clip_from_frames(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, [5, 64, 80, 3], np.uint8)
    clip = frames_to_clip(frames, 5, (56, 56))
    np.testing.assert_array_equal(clip, frames[:, 4:60, 12:68])
    with pytest.raises(ValueError, match=r"\(5, 64, 80\)"):
        frames_to_clip(frames[..., 0])


def test_no_file_matches(tmp_path):
    (tmp_path / "x.txt").touch()
    with pytest.raises(DataError, match=r"matches none.*holds x\.txt"):
        video_dataset_from_records(f"{tmp_path}/train-*.tfrecord")
    with pytest.raises(DataError, match="does not exist"):
        video_dataset_from_records("no/such/train-*.tfrecord")


def test_fit(records):
    model = keras.Sequential([
        keras.layers.Rescaling(1 / 255), keras.layers.GlobalAveragePooling3D(),
        keras.layers.Dense(3),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    train = video_dataset_from_records(
        f"{records}/train-*", 4, 4, image_size=(32, 32), training=True
    )
    val = video_dataset_from_records(f"{records}/val-*", 4, 4, image_size=(32, 32))
    history = model.fit(train, validation_data=val, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all() and len(history["val_loss"]) == 2


def test_a_number_as_image_size(records):
    for size in (32, np.int64(32), [32, 32], np.array([32, 32])):
        dataset = video_dataset_from_records(f"{records}/*.tfrecord", 4, 4, image_size=size)
        assert dataset.element_spec[0].shape == (None, 4, 32, 32, 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_size": None}, "`image_size` must be .*Received: image_size=None"),
        ({"image_size": 32.5}, "image_size=32.5"),
        ({"image_size": (32, -1)}, r"image_size=\(32, -1\)"),
        ({"image_size": "32"}, "image_size='32'"),
        ({"seed": None}, "`seed` must be .*Received: seed=None"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 0.5}, "seed=0.5"),
        ({"seed": "1"}, "seed='1'"),
    ],
)
def test_sizes_and_seeds_that_break_a_rule(records, arguments, message):
    with pytest.raises(DataError, match=message):
        video_dataset_from_records(f"{records}/*.tfrecord", **arguments)


@pytest.mark.parametrize(
    "name",
    exhaustive.cases(
        ["records [1]", "b*c?", "back\\slash", "a{b,c} #1:2"], ("b*c?", "back\\slash").__contains__
    ),
)
def test_the_folder_of_the_records_may_have_any_name(tmp_path, name):
    for folder in (name, "bc"):
        (tmp_path / folder).mkdir()
    write_small_records(tmp_path / name, 4, 2, num_shards=2)
    write_small_records(tmp_path / "bc", 4, 2)  # What `b*` would match as a pattern.
    for file in (f"{tmp_path / name}/train-*", f"{tmp_path / name}/*00?-of-*2.tfrecord"):
        dataset = video_dataset_from_records(file, 2, 4, image_size=(16, 16))
        assert sum(len(labels) for _, labels in dataset) == 8
