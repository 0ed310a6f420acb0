"""The readers on the authors' own files, which are not part of the project."""

import collections
import csv
import hashlib
import json
import pathlib

import pytest

from gsf_tf.data.listing.datasets import OFFICIAL_DATASETS

ORIGINALS = pathlib.Path(__file__).parents[5] / "shared" / "real" / "annotations"

pytestmark = pytest.mark.skipif(
    not ORIGINALS.is_dir(), reason="../shared/real/annotations, the original files, is not there"
)


def label_map(name):
    return (ORIGINALS / "labels" / f"{name}.txt").read_text().splitlines()


def folder_of(tmp_path, *originals, **others):
    """Returns a folder of original files, and of files for those that could not be had."""
    for file in originals:
        path = tmp_path / pathlib.PurePath(file).name
        path.symlink_to(ORIGINALS / file)
    for name, text in others.items():
        path = tmp_path / name.replace("__", ".")
        assert not path.exists()
        path.write_text(text)
    return tmp_path


def read(name, folder, variant=None):
    """Returns labels, clips, number of clips by split and label maps of tasks."""
    labels, clips, tasks = OFFICIAL_DATASETS[name].read_annotations(folder, variant)
    clips = list(clips)
    names = {(clip.file, clip.segment) for clip in clips}
    assert len(names) == len(clips), "a clip is listed twice"
    return labels, clips, collections.Counter(clip.split for clip in clips), tasks


def test_the_files_are_those_of_the_manifest():
    with open(ORIGINALS / "MANIFEST.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 150
    different = [
        row["file"]
        for row in rows
        if hashlib.sha256((ORIGINALS / row["file"]).read_bytes()).hexdigest() != row["sha256"]
    ]
    assert not different


@pytest.mark.parametrize("variant", "123")
@pytest.mark.parametrize(
    "name, folder",
    [("ucf101", "ucfTrainTestlist"), ("hmdb51", "testTrainMulti_7030_splits")],
)
def test_ucf101_and_hmdb51(name, folder, variant):
    labels, clips, counts, _ = read(name, ORIGINALS / name / folder, variant)
    assert counts == OFFICIAL_DATASETS[name].published(variant)
    assert list(labels) == label_map(f"{name}_label_map")
    assert all(clip.file.startswith(f"{labels[clip.label]}/") for clip in clips)


def test_something_v2(tmp_path):
    originals = [f"ssv2/something-something-v2-{name}.json" for name in ("labels", "validation")]
    folder = folder_of(tmp_path, *originals, train__json="[]")
    labels, clips, counts, _ = read("ssv2", folder)
    assert counts == {"val": OFFICIAL_DATASETS["ssv2"].published(None)["val"]}
    assert list(labels) == label_map("ssv2_label_map") == sorted(labels)
    pairs = [tuple(map(labels.index_of, pair)) for pair in OFFICIAL_DATASETS["ssv2"].flip_pairs]
    assert pairs == [(86, 87), (93, 94), (166, 167)]
    entries = json.loads((ORIGINALS / originals[1]).read_text())
    first = {entry["id"]: entry["template"] for entry in entries}["74225"]
    assert first == "Spinning [something] that quickly stops spinning"
    clip = next(clip for clip in clips if clip.file == "74225.webm")
    assert labels[clip.label] == "Spinning something that quickly stops spinning"


def test_the_classes_that_are_written_from_memory_in_the_test_of_something_v2():
    written = pathlib.Path(__file__).with_name("something_v2_labels.txt").read_text()
    assert written.splitlines() == label_map("ssv2_label_map")


def test_something_v1_has_the_classes_of_v2_in_another_order():
    labels = label_map("ssv1_label_map")
    assert sorted(labels) == label_map("ssv2_label_map") != labels
    pairs = OFFICIAL_DATASETS["ssv1"].flip_pairs
    indices = [tuple(map(sorted(labels).index, pair)) for pair in pairs]
    assert indices == [(86, 87), (93, 94), (166, 167)]


def test_epic_kitchens(tmp_path):
    names = ("validation", "verb_classes", "noun_classes")
    originals = [f"epic100/EPIC_100_{name}.csv" for name in names]
    header = (ORIGINALS / originals[0]).read_text().split("\n")[0]
    folder = folder_of(tmp_path, *originals, EPIC_100_train__csv=f"{header}\n")
    labels, clips, counts, tasks = read("epic100", folder)
    assert counts == {"val": OFFICIAL_DATASETS["epic100"].published(None)["val"]}
    assert {task: len(names) for task, names in tasks.items()} == {"verb": 97, "noun": 300}
    assert all(clip.start < clip.stop for clip in clips)
    first = next(clip for clip in clips if clip.segment == "P01_11_0")
    assert (first.file, first.start, first.stop) == ("P01/videos/P01_11.MP4", 0.0, 1.89)
    assert labels[first.label] == "take plate"


def test_kinetics_400(tmp_path):
    names = label_map("kinetics400_label_map_k400")
    rows = "".join(f'"{name}",{index:011d},0,10,train\n' for index, name in enumerate(names))
    training = f"label,youtube_id,time_start,time_end,split\n{rows}"
    folder = folder_of(
        tmp_path, "kinetics400/kinetics-400_val.csv", **{"kinetics-400_train__csv": training}
    )
    labels, clips, counts, _ = read("kinetics400", folder)
    assert list(labels) == names
    # The paper states 50 of each of 400 classes; the list of ActivityNet has fewer of 81 of them.
    assert counts == {"train": 400, "val": 19_906}
    of_class = collections.Counter(clip.label for clip in clips if clip.split == "val")
    assert len(of_class) == 400 and set(of_class.values()) <= {46, 48, 49, 50}
    assert "abseiling/0wR5jVB-WPk_000417_000427.mp4" in {clip.file for clip in clips}


@pytest.mark.parametrize("number", [400, 600, 700])
def test_the_classes_of_kinetics_are_sorted_names(number):
    names = label_map(f"kinetics400_label_map_k{number}")
    assert len(set(names)) == number and names == sorted(names)


def test_jester(tmp_path):
    names = label_map("jester_label_map")
    lists = {
        "jester-v1-train__csv": "".join(f"{i};{name}\n" for i, name in enumerate(names, 1)),
        "jester-v1-validation__csv": f"100;{names[0]}\n",
    }
    folder = folder_of(tmp_path, "jester/jester-v1-labels.csv", **lists)
    labels, _, counts, _ = read("jester", folder)
    assert len(labels) == 27 and list(labels) == sorted(names)
    assert counts == {"train": 27, "val": 1}


def test_diving48_has_48_classes():
    # The names of MMAction2 join with "+" what Diving48_vocab.json lists in parts.
    assert len(set(label_map("diving48_label_map"))) == 48
