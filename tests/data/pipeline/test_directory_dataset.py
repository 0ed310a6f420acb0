import collections
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gsf_tf.data import ClipLimits, DataError, video_dataset_from_directory
from gsf_tf.data.video import video_file
from tests.data.video_maker import frame_numbers, make_frames, make_video, numbered_frame


def load(folder, **arguments):
    arguments = {"num_segments": 4, "image_size": (32, 32), "batch_size": 4} | arguments
    return video_dataset_from_directory(folder, **arguments)


def labels_of(dataset):
    return collections.Counter(np.concatenate([label for _, label in dataset]).tolist())


def test_every_clip_once(video_folder, capsys):
    dataset = load(video_folder)
    assert dataset.class_names == ["closing it", "down", "up"]
    assert len(dataset.file_paths) == 15
    assert dataset.element_spec[0] == tf.TensorSpec([None, 4, 32, 32, 3], tf.uint8)
    assert labels_of(dataset) == {0: 5, 1: 5, 2: 5}
    assert "15 videos of 3 classes" in capsys.readouterr().out


def test_subsets_are_disjoint_and_complete(video_folder):
    arguments = {"validation_split": 0.4, "seed": 1}
    train, val = load(video_folder, subset="both", **arguments)
    assert sorted(train.file_paths + val.file_paths) == sorted(load(video_folder).file_paths)
    assert load(video_folder, subset="validation", **arguments).file_paths == val.file_paths
    assert load(video_folder, subset="training", **arguments).file_paths == train.file_paths
    assert sum((labels_of(train) + labels_of(val)).values()) == 15


def test_order_and_crops_follow_the_seed(video_folder):
    def clips(**arguments):
        return [clip.numpy() for clip, _ in load(video_folder, batch_size=15, **arguments)]

    np.testing.assert_array_equal(clips(seed=1, epoch=2), clips(seed=1, epoch=2))
    assert (np.array(clips(seed=1, epoch=2)) != np.array(clips(seed=1, epoch=3))).any()
    dataset = load(video_folder, batch_size=15)
    passes = [next(iter(dataset))[0].numpy() for _ in range(2)]
    assert (passes[0] != passes[1]).any()
    np.testing.assert_array_equal(clips(shuffle=False), clips(shuffle=False, seed=9))


def test_evaluation_rule(video_folder):
    clips, labels = next(iter(load(video_folder, shuffle=False, batch_size=5)))
    assert labels.numpy().tolist() == [0] * 5
    np.testing.assert_array_equal(frame_numbers(clips[4]), [2, 8, 14, 20])
    np.testing.assert_array_equal(frame_numbers(clips[0]), [0, 1, 1, 2])


def test_kinds_of_labels(video_folder):
    one_hot = next(iter(load(video_folder, label_mode="categorical", shuffle=False)))[1]
    np.testing.assert_array_equal(one_hot, [[1, 0, 0]] * 4)
    assert next(iter(load(video_folder, labels=None))).shape == (4, 4, 32, 32, 3)
    assert next(iter(load(video_folder, batch_size=None)))[0].shape == (4, 32, 32, 3)
    numbers = [i % 2 for i in range(15)]
    dataset = load(video_folder, labels=numbers, shuffle=False, batch_size=15)
    assert next(iter(dataset))[1].numpy().tolist() == numbers
    reordered = load(video_folder, class_names=["up", "down", "closing it"], shuffle=False)
    assert next(iter(reordered))[1].numpy().tolist() == [2] * 4


def test_unreadable_videos_are_named_and_left_out(tmp_path):
    for name in ("a/1.mp4", "a/2.mp4", "b/1.mp4"):
        make_video(tmp_path / name, 4)
    (tmp_path / "b/bad.mp4").write_text("no video")
    (tmp_path / "a/zero.mp4").touch()
    with pytest.warns(UserWarning, match=r"2 of 5 videos(?s:.*)zero\.mp4(?s:.*)bad\.mp4"):
        dataset = load(tmp_path)
    assert labels_of(dataset) == {0: 2, 1: 1}


def damage_inside(path):
    data = bytearray(make_video(path, 20, noise=True).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20000] = b"\xff" * 20000
    path.write_bytes(data)
    assert video_file.probe(path).num_frames == 20


def test_damage_found_while_decoding(tmp_path):
    for name in ("a/1.mp4", "b/1.mp4"):
        make_video(tmp_path / name, 4)
    damage_inside(tmp_path / "b/damaged.mp4")
    for batch_size in (4, None):
        dataset = load(tmp_path, batch_size=batch_size)
        with pytest.warns(UserWarning, match=r"damaged\.mp4"):
            labels = [np.atleast_1d(label) for _, label in dataset]
        assert sorted(np.concatenate(labels)) == [0, 1]


@pytest.mark.filterwarnings("ignore:A clip is left out")
def test_batches_do_not_shift_for_damage(tmp_path):
    for name in ("a/1.mp4", "a/2.mp4", "b/1.mp4", "b/3.mp4", "b/4.mp4"):
        make_video(tmp_path / name, 4)
    damage_inside(tmp_path / "b/2.mp4")
    options = {"labels": [*range(6)], "batch_size": 2, "seed": 2, "epoch": 1, "verbose": False}

    def batches(**others):
        return [label.numpy().tolist() for _, label in load(tmp_path, **options | others)]

    whole = batches()
    assert sorted(map(len, whole)) == [1, 2, 2] and sorted(sum(whole, [])) == [0, 1, 2, 4, 5]
    assert batches(skip_batches=1) == whole[1:]


@pytest.mark.filterwarnings("ignore:A clip is left out")
@pytest.mark.parametrize("batch_size", [1, None])
@pytest.mark.parametrize("label_mode", ["int", "categorical", None])
def test_what_is_left_out_has_a_number(tmp_path, batch_size, label_mode):
    for name in ("a/1.mp4", "a/3.mp4", "b/1.mp4"):
        make_video(tmp_path / name, 4)
    damage_inside(tmp_path / "a/2.mp4")
    options = {"batch_size": batch_size, "label_mode": label_mode, "shuffle": False,
               "batch_numbers": True, "verbose": False}  # fmt: skip
    assert [int(number) for *_, number in load(tmp_path, **options)] == [0, 2, 3]
    resumed = load(tmp_path, skip_batches=1, **options)
    assert [int(number) for *_, number in resumed] == [2, 3]
    assert len(resumed.element_spec) == (2 if label_mode is None else 3)


def test_workers_share_the_batches_of_one(video_folder):
    options = {"image_size": (16, 16), "seed": 1, "epoch": 3, "drop_remainder": True}
    whole = list(load(video_folder, batch_size=4, **options))
    shares = [
        list(load(video_folder, batch_size=2, num_workers=2, worker=i, **options)) for i in range(2)
    ]
    # If all 15 clips were dealt out, one worker would have a batch more.
    assert len(whole) == len(shares[0]) == len(shares[1]) == 3
    for batch, first, second in zip(whole, *shares, strict=True):
        for part in range(2):
            np.testing.assert_array_equal(batch[part][0::2], first[part])
            np.testing.assert_array_equal(batch[part][1::2], second[part])


def test_copies_on_a_local_disk(tmp_path):
    source, cache = tmp_path / "source", tmp_path / "cache"
    for name in ("a/1.mp4", "b/deep/1.mp4"):
        make_video(source / name, 4)
    (source / "b/bad.mp4").write_text("no video")
    with pytest.warns(UserWarning, match=r"1 of 3 videos(?s:.*)source/b/bad\.mp4"):
        dataset = load(source, cache=cache)
    assert dataset.file_paths == [str(source / "a/1.mp4"), str(source / "b/deep/1.mp4")]
    shutil.move(source, tmp_path / "away")
    assert labels_of(dataset) == {0: 1, 1: 1}
    shutil.move(tmp_path / "away", source)
    assert len(list(cache.rglob("*.mp4"))) == len(list(cache.rglob("*.*"))) == 3
    (source / "b/bad.mp4").unlink()
    # A copy that broke off is made again, a whole one is not.
    first, second = (next(cache.rglob(name)) for name in ("a/1.mp4", "deep/1.mp4"))
    first.write_bytes(first.read_bytes()[:100])
    before = second.stat().st_mtime_ns
    assert labels_of(load(source, cache=cache)) == {0: 1, 1: 1}
    assert second.stat().st_mtime_ns == before
    with pytest.raises(DataError, match="could not be copied: .*director"):
        load(source, cache=first)


def test_folders_of_frames(tmp_path):
    source = tmp_path / "source"
    make_frames(source / "a/one", 12)
    make_frames(source / "b/two", 8)
    options = {"image_size": (64, 64), "shuffle": False, "cache": tmp_path / "cache"}
    for numbers in ([1, 4, 7, 10], [0, 1, 2, 3]):
        clips, labels = next(iter(load(source, **options)))
        assert labels.numpy().tolist() == [0, 1]
        assert frame_numbers(clips).tolist() == [numbers, [1, 3, 5, 7]]
        # The copy of a clip that has become shorter becomes shorter too.
        for number in range(5, 13):
            (source / f"a/one/{number:05d}.jpg").unlink(missing_ok=True)


def test_images(tmp_path, capsys):
    for name in ("a/1.png", "a/2.jpg", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(numbered_frame(3, 64, 96)).save(tmp_path / name)
    clips, labels = next(iter(load(tmp_path, num_segments=1, shuffle=False)))
    assert "3 images of 2 classes" in capsys.readouterr().out
    assert clips.shape == (3, 1, 32, 32, 3) and labels.numpy().tolist() == [0, 0, 1]
    assert (frame_numbers(clips) == 3).all()


def test_folders_with_parts(tmp_path):
    for name in ("train/a/1.mp4", "train/b/1.mp4", "val/a/2.mp4"):
        make_video(tmp_path / name, 4)
    train, val = load(tmp_path, subset="both")
    assert labels_of(train) == {0: 1, 1: 1} and labels_of(val) == {0: 1}
    with pytest.raises(DataError, match="`subset` must be given"):
        load(tmp_path)
    with pytest.raises(DataError, match="must be None for a folder with `train`"):
        load(tmp_path, subset="training", validation_split=0.2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"subset": "train", "validation_split": 0.2}, "'train'"),
        ({"subset": "training"}, "together with"),
        ({"validation_split": 0.2}, "together with"),
        ({"label_mode": "binary"}, "'binary'"),
        ({"labels": [1, 2]}, "2 labels for 15 videos"),
        ({"labels": "inferred?"}, "'inferred\\?'"),
        ({"labels": [-1] * 15}, "-1"),
        ({"labels": [float("inf")] * 15}, "`labels` must be whole numbers. Received: inf"),
        ({"labels": [float("nan")] * 15}, "Received: nan"),
        ({"labels": [0.5] * 15}, "Received: 0.5"),
        ({"labels": ["up"] * 15}, "Received: 'up'"),
        ({"image_size": 0}, "image_size=0"),
        ({"image_size": (32,)}, r"image_size=\(32,\)"),
        ({"image_size": (32, 32, 3)}, "`image_size` must be"),
        ({"image_size": 32.5}, "image_size=32.5"),
        ({"image_size": "32"}, "image_size='32'"),
        ({"image_size": None}, "image_size=None"),
        ({"seed": None}, "seed=None. Leave it out"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, "seed=1.5"),
        ({"seed": 2**63}, "seed=9223372036854775808"),
        ({"cache": True}, "`cache` must be False or a folder"),
        ({"num_workers": 2, "worker": 2}, "worker=2, num_workers=2"),
        ({"class_names": ["x", "y", "z"]}, "names of the class folders"),
    ],
)
def test_arguments_that_break_a_rule(video_folder, arguments, message):
    with pytest.raises(DataError, match=message):
        load(video_folder, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"drop_remainder": True},
        {"batch_size": None},
        {"batch_size": 15},
        {"batch_size": 5, "skip_batches": 1},
        {"skip_batches": 9},
        {"num_workers": 2, "worker": 0},
        {"num_workers": 2, "worker": 1},
        {"num_workers": 4, "worker": 3, "batch_size": 2, "skip_batches": 1},
        {"num_workers": 2, "worker": 1, "drop_remainder": True, "batch_size": 2},
        {"num_workers": 4, "worker": 3, "drop_remainder": True, "batch_size": None},
    ],
)
def test_length(video_folder, arguments):
    dataset = load(video_folder, **arguments)
    assert len(dataset) == int(dataset.cardinality()) == sum(1 for _ in dataset)
    assert dataset.class_names == ["closing it", "down", "up"]


def test_clips_that_are_too_much_work_or_no_files(tmp_path):
    for name in ("a/1.mp4", "b/1.mp4"):
        make_video(tmp_path / name, 4)
    make_video(tmp_path / "a/long.mp4", 30)
    (tmp_path / "a/list.mp4").write_text("ffconcat version 1.0\nfile 1.mp4\n")
    os.mkfifo(tmp_path / "b/fifo.mp4")
    with pytest.warns(UserWarning, match="2 of 5 videos(?s:.*)`concat`(?s:.*)not a regular file"):
        dataset = load(tmp_path, limits=ClipLimits(10 * 64 * 96), cache=tmp_path.parent / "cache")
    with pytest.warns(UserWarning, match="A clip is left out.*long.mp4.*max_clip_pixels"):
        assert labels_of(dataset) == {0: 1, 1: 1}
    with pytest.raises(DataError, match="none of which is(?s:.*)max_clip_seconds"):
        load(tmp_path, limits=ClipLimits(max_clip_seconds=1e-9))


def test_length_with_unreadable_and_damaged_files(tmp_path):
    for name in ("a", "b"):
        for number in range(3):
            make_video(tmp_path / name / f"{number}.mp4", 4)
    (tmp_path / "a/2.mp4").write_text("no video")
    with pytest.warns(UserWarning, match="1 of 6"):
        dataset = load(tmp_path, batch_size=2)
    assert len(dataset) == 3


def test_fit_counts_the_batches(video_folder):
    dataset = load(video_folder, batch_size=4, label_mode="int")
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(dataset, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 2 * len(dataset) == 8


def test_both_parts_have_the_same_elements(video_folder):
    parts = load(video_folder, validation_split=0.5, subset="both")
    assert parts[0].element_spec == parts[1].element_spec
    assert all(clip.shape[1:] == (4, 32, 32, 3) for part in parts for clip, _ in part)
    train, val = load(video_folder, validation_split=0.5, subset="both", num_clips=2)
    assert train.element_spec[0].shape == (None, 4, 32, 32, 3)
    assert val.element_spec[0].shape == (None, 2, 4, 32, 32, 3)


def test_a_number_as_image_size(video_folder):
    for size in (32, np.int64(32), [32, 32], np.array([32, 32])):
        dataset = load(video_folder, image_size=size)
        assert dataset.element_spec[0].shape == (None, 4, 32, 32, 3)
    assert len(load(video_folder, seed=np.int64(3))) == 4


def test_nothing_readable(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.mp4").touch()
    with pytest.raises(DataError, match="none of which is"):
        load(tmp_path)
