"""Changes of whole frames, which come before the crop."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gsf_tf.data import (
    DataError,
    reports_damage,
    video_dataset_from_directory,
    video_dataset_from_records,
)
from gsf_tf.data.pipeline.cropping import training_crop
from gsf_tf.data.pipeline.decode_frames import decode_frames
from gsf_tf.data.pipeline.sampling import train_segment_indices
from gsf_tf.data.pipeline.seeding import example_seeds
from gsf_tf.ops import decode_crops, scale_crops
from tests import exhaustive
from tests.data.damage_maker import read_shard, write_shard
from tests.data.small_records import small_records, write_small_records

SIZE, CLIPS = (16, 16), 12
# One operation at most, of a known strength: to the left or to the right by 0.405 of the width.
TRANSLATION = {
    "rand_augment": 9.0,
    "rand_augment_std": 0.0,
    "rand_augment_ops": 1,
    "rand_augment_names": ("translate_x",),
}
EPOCH_SEED = tf.random.fold_in([1, 0], 3)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    (path,) = write_small_records(tmp_path_factory.mktemp("records"), CLIPS, 3)
    return path


def read(path, augmentation, **options):
    options = {"training": True, "seed": 1, "epoch": 3, "batch_size": 4} | options
    return video_dataset_from_records(
        str(path), 2, image_size=SIZE, augmentation=augmentation, clip_ids=True, **options
    )


def clips_of(dataset):
    """Returns the clips by the indices of their records."""
    clips = {}
    for batch, _, ids in dataset:
        for clip, name in zip(batch.numpy(), ids.numpy(), strict=True):
            clips[int(name.decode().split(" ")[0].split(":")[1])] = clip
    return clips


def candidates(frames, crop_seed):
    """Returns what the frames may become: moved by Pillow or not, and then cropped."""
    height, width = frames.shape[1:3]
    box = training_crop(height, width, SIZE, crop_seed)[None]

    def crop(shift, interpolation):
        matrix = (1, 0, shift * width, 0, 1, 0)
        moved = [
            Image.fromarray(frame).transform(
                (width, height),
                Image.Transform.AFFINE,
                matrix,
                resample=interpolation,
                fillcolor=(124, 116, 104),
            )
            for frame in frames
        ]
        return scale_crops(np.stack(moved), box, SIZE)[0].numpy()

    bilinear, bicubic = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
    moved = [crop(s * 0.405, how) for s in (-1, 1) for how in (bilinear, bicubic)]
    return [scale_crops(frames, box, SIZE)[0].numpy(), *moved]


def match(clip, frames, crop_seed):
    """Returns the number of the candidate that the clip is."""
    differences = [np.abs(clip - c.astype(int)).max() for c in candidates(frames, crop_seed)]
    # Pillow's values and ours differ by 1, scaled pixels perhaps by another 1.
    assert min(differences) <= 2
    return int(np.argmin(differences))


def test_frames_of_records_move_before_the_crop(shard):
    clips = clips_of(read(shard, TRANSLATION))
    assert sorted(clips) == list(range(CLIPS))
    found = []
    for index, record in enumerate(small_records(CLIPS, 3)):
        example = tf.train.SequenceExample.FromString(record)
        jpegs = example.feature_lists.feature_list["image/encoded"].feature
        frames_seed, crop_seed, _ = example_seeds(EPOCH_SEED, 0, tf.constant(index, tf.int64))
        chosen = train_segment_indices(len(jpegs), 2, frames_seed).numpy()
        images = [Image.open(io.BytesIO(jpegs[i].bytes_list.value[0])) for i in chosen]
        found.append(match(clips[index], np.stack(images), crop_seed))
    assert 0 in found and len(set(found)) >= 3


def test_frames_of_a_folder_move_before_the_crop(tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, [CLIPS, 1, 24, 32, 3], np.uint8)
    for number, (picture,) in enumerate(pictures):
        path = tmp_path / "ab"[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    dataset = video_dataset_from_directory(
        tmp_path, 1, batch_size=CLIPS, image_size=SIZE, shuffle=False, training=True, seed=1,
        epoch=3, augmentation=TRANSLATION, verbose=False,
    )  # fmt: skip
    ((clips, _),) = dataset
    order = [int(path[-6:-4]) for path in dataset.file_paths]
    found = []
    for index, (clip, number) in enumerate(zip(clips.numpy(), order, strict=True)):
        _, crop_seed, _ = example_seeds(EPOCH_SEED, tf.constant(index, tf.int64))
        found.append(match(clip, pictures[number], crop_seed))
    assert 0 in found and len(set(found)) >= 3


def test_whole_frames_are_those_of_the_op_that_decodes_crops():
    example = tf.train.SequenceExample.FromString(small_records(1, 1)[0])
    jpegs = example.feature_lists.feature_list["image/encoded"].feature
    jpegs = tf.constant([jpeg.bytes_list.value[0] for jpeg in jpegs])
    crops, decoded = decode_crops(jpegs, [24, 32], [[0, 0, 24, 32]], (24, 32))
    frames, good = decode_frames(jpegs, tf.constant([24, 32]))
    assert good and decoded
    np.testing.assert_array_equal(frames, crops[0])
    # A frame of another size than the record announces is damage.
    frames, good = decode_frames(jpegs, tf.constant([25, 32]))
    assert not good and frames.shape == (4, 25, 32, 3) and not frames.numpy().any()


@exhaustive.MARK
def test_resume_and_a_data_service_give_the_same_clips(shard):
    augmentation = {**TRANSLATION, "rand_augment_names": ("invert", "shear_x"), "flip": 0.5}
    whole = clips_of(read(shard, augmentation))
    rest = clips_of(read(shard, augmentation, skip_batches=1))
    assert len(rest) == CLIPS - 4
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    config = service.WorkerConfig(dispatcher.target.split("://")[1], heartbeat_interval_ms=100)
    worker = service.WorkerServer(config)
    try:
        served = clips_of(read(shard, augmentation, service=dispatcher.target))
    finally:
        worker._stop()
        dispatcher._stop()
    for index, clip in rest.items():
        np.testing.assert_array_equal(clip, whole[index])
    for index, clip in whole.items():
        np.testing.assert_array_equal(clip, served[index])


def test_evaluation_changes_nothing(shard):
    plain, augmented = (
        clips_of(read(shard, values, training=False, drop_remainder=False))
        for values in (None, TRANSLATION)
    )
    for index in range(CLIPS):
        np.testing.assert_array_equal(plain[index], augmented[index])


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_damaged_frame_is_named(tmp_path, on_error):
    (path,) = write_small_records(tmp_path, 6, 3)
    records = read_shard(path)
    example = tf.train.SequenceExample.FromString(records[2])
    for frame in example.feature_lists.feature_list["image/encoded"].feature:
        frame.bytes_list.value[0] = frame.bytes_list.value[0][:-100] + bytes(100)
    records[2] = example.SerializeToString(deterministic=True)
    write_shard(path, records)
    # Sharpness fails for frames of less than 3 pixels, such as the stand-in of a damaged record.
    augmentation = {"rand_augment": 9.0, "rand_augment_names": ("translate_x", "sharpness")}
    dataset = read(path, augmentation, on_error=on_error, batch_size=3, drop_remainder=False)
    if on_error == "skip":
        assert sorted(clips_of(dataset)) == [0, 1, 3, 4, 5]
        assert "damaged JPEG" in dataset.damage.records[0].reason
    else:
        with pytest.raises(DataError, match="record 2 of .* damaged JPEG"), reports_damage():
            list(dataset)
