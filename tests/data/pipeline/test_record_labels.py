import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import (
    DataError,
    RecordSettings,
    list_annotated_videos,
    split_for_validation,
    video_dataset_from_records,
    write_records,
)
from tests.data.video_maker import make_video

CLASSES = {"a": "take cup", "b": "take plate", "c": "wash cup", "d": "wash fork", "e": "wash plate"}


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """Clips whose class is a verb and a noun."""
    folder = tmp_path_factory.mktemp("kitchen")
    for name in CLASSES:
        make_video(folder / "clips" / f"{name}.mp4", 4, 32, 32)
    lines = [f"{name}.mp4 {label}\n" for name, label in CLASSES.items()]
    (folder / "list.txt").write_text("".join(lines))
    listing = list_annotated_videos(folder / "clips", folder / "list.txt", tasks=("verb", "noun"))
    settings = RecordSettings(short_side=32, clips_per_shard=2)
    write_records(split_for_validation(listing, 0.0), str(folder / "records"), settings)
    return str(folder / "records")


def read(kitchen, batch_size=5, **options):
    return video_dataset_from_records(
        f"{kitchen}/train-*.tfrecord", 2, batch_size, image_size=(16, 16), **options
    )


def test_ids_lead_to_the_records(kitchen):
    for training in (False, True):
        dataset = read(kitchen, 2, training=training, clip_ids=True, drop_remainder=False)
        assert dataset.element_spec[2] == tf.TensorSpec([None], tf.string)
        ids = [value.decode() for _, _, batch in dataset for value in batch.numpy()]
        assert len(set(ids)) == 5
        for value in ids:
            place, media_id = value.split(" ", 1)
            shard, number = place.rsplit(":", 1)
            records = list(tf.data.TFRecordDataset(os.path.join(kitchen, shard)))
            example = tf.train.SequenceExample.FromString(records[int(number)].numpy())
            found = example.context.feature["clip/media_id"].bytes_list.value[0]
            assert found.decode() == media_id


def test_each_part_has_its_label(kitchen):
    ((_, labels, ids),) = read(kitchen, tasks=("noun", "verb"), clip_ids=True)
    assert set(labels) == {"action", "verb", "noun"}
    assert {label.dtype for label in labels.values()} == {tf.int32}
    names = {"action": sorted(CLASSES.values()), "verb": ["take", "wash"],
             "noun": ["cup", "fork", "plate"]}  # fmt: skip
    for row, value in enumerate(ids.numpy()):
        verb, noun = CLASSES[value.decode().split(" ")[1]].split()
        found = {name: names[name][label[row]] for name, label in labels.items()}
        assert found == {"action": f"{verb} {noun}", "verb": verb, "noun": noun}
    ((_, label),) = read(kitchen)
    np.testing.assert_array_equal(label, labels["action"])


@pytest.mark.parametrize("mixing", ["mixup", "cutmix"])
def test_tasks_are_mixed_by_the_same_draw(kitchen, mixing):
    options = {"training": True, "epoch": 0, "tasks": ("verb", "noun")}
    ((_, labels),) = read(kitchen, augmentation={mixing: 1.0}, **options)
    classes = [name.split() for name in sorted(CLASSES.values())]
    shares = labels["action"].numpy()
    assert ((shares > 0.01) & (shares < 0.99)).any()
    for part, position, names in (("verb", 0, ["take", "wash"]),
                                  ("noun", 1, ["cup", "fork", "plate"])):  # fmt: skip
        members = np.array([[words[position] == name for name in names] for words in classes])
        assert labels[part].dtype == tf.float32
        np.testing.assert_allclose(labels[part], shares @ members, atol=1e-6)


def test_mirroring_must_not_change_classes_with_tasks(kitchen):
    options = {"training": True, "epoch": 0, "tasks": ("verb", "noun")}
    keep = {"flip": 1.0, "flip_label_map": range(5)}
    ((_, labels),) = read(kitchen, augmentation=keep, **options)
    assert sorted(labels["action"].numpy()) == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="changes 2 classes"):
        read(kitchen, augmentation=keep | {"flip_label_map": [1, 0, 2, 3, 4]}, **options)


def test_tasks_that_the_records_lack(kitchen, records, tmp_path):
    with pytest.raises(DataError, match=r"'verb', 'noun'. Received: tasks=\('adverb',\)"):
        read(kitchen, tasks=("adverb",))
    with pytest.raises(DataError, match="these records have none"):
        read(records, tasks=("verb",))
    copy = shutil.copytree(kitchen, tmp_path / "copy")
    (copy / "dataset_info.json").unlink()
    with pytest.raises(DataError, match="dataset_info.json"):
        read(copy, tasks=("verb",))
