"""Something-Something V1 (Goyal et al., ICCV 2017)."""

import os

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import find_file, find_label, read_lines
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError


class SomethingV1(OfficialDataset):
    """Something-Something V1: a folder of JPEG frames per clip, 174 classes.

    The official layout, from memory:

        videos/ID/00001.jpg                        the folder 20bn-something-something-v1
        annotations/something-something-v1-labels.csv       a label per line
        annotations/something-something-v1-train.csv        ID;label
        annotations/something-something-v1-validation.csv   ID;label

    The indices are those of the sorted names, as in the code of GSF and therefore in its
    checkpoints; the order of the label file is another one. The test part has no labels and is
    left out. The videos have 12 frames per second.
    """

    name = "ssv1"
    frame_rate = 12.0
    # With sorted names these are the index pairs of the GSF code: 86-87, 93-94 and 166-167.
    flip_pairs = (
        ("Pulling something from left to right", "Pulling something from right to left"),
        ("Pushing something from left to right", "Pushing something from right to left"),
        (
            "Turning the camera left while filming something",
            "Turning the camera right while filming something",
        ),
    )

    def read_annotations(self, folder, variant):
        names = find_file(folder, "something-something-v1-labels.csv")
        labels = LabelMap(sorted(line for _, line in read_lines(names)))
        clips = []
        for split, name in (("train", "train"), ("val", "validation")):
            for where, line in read_lines(find_file(folder, f"something-something-v1-{name}.csv")):
                clip, separator, label = line.partition(";")
                if not separator or not clip.isdecimal():
                    raise DataError(
                        f"A line must be a clip's number, `;` and its label. Received: {line!r} at "
                        f"{where}. Use the official file."
                    )
                clips.append(AnnotatedClip(clip, find_label(labels, label, where), split, where))
        return labels, clips, {}

    def published(self, variant):
        return {"train": 86_017, "val": 11_522}

    def source(self, variant):
        return "Something-Something V1"

    def locator(self, videos):
        folders = {entry.name for entry in os.scandir(videos) if entry.is_dir()}
        return (lambda file: file if file in folders else None), []
