import collections

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import DataError, video_dataset_from_directory, video_file
from tests.data.video_maker import frame_numbers, make_video


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


def test_damage_found_while_decoding(tmp_path):
    for name in ("a/1.mp4", "b/1.mp4"):
        make_video(tmp_path / name, 4)
    damaged = make_video(tmp_path / "b/damaged.mp4", 20, noise=True)
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20000] = b"\xff" * 20000
    damaged.write_bytes(data)
    assert video_file.probe(damaged).num_frames == 20
    dataset = load(tmp_path)
    with pytest.warns(UserWarning, match=r"damaged\.mp4"):
        assert labels_of(dataset) == {0: 1, 1: 1}


def test_folders_with_parts(tmp_path):
    for name in ("train/a/1.mp4", "train/b/1.mp4", "val/a/2.mp4"):
        make_video(tmp_path / name, 4)
    train, val = load(tmp_path, subset="both")
    assert labels_of(train) == {0: 1, 1: 1} and labels_of(val) == {0: 1}
    with pytest.raises(DataError, match="`subset` must be given"):
        load(tmp_path)
    with pytest.raises(DataError, match="must be None for a folder with train"):
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
        ({"class_names": ["x", "y", "z"]}, "names of the class folders"),
    ],
)
def test_arguments_that_break_a_rule(video_folder, arguments, message):
    with pytest.raises(DataError, match=message):
        load(video_folder, **arguments)


def test_nothing_readable(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.mp4").touch()
    with pytest.raises(DataError, match="none of which is"):
        load(tmp_path)
