"""UCF101 (Soomro, Zamir and Shah, 2012)."""

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import find_file, find_label, read_lines
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError


class Ucf101(OfficialDataset):
    """UCF101: AVI videos, 101 classes, three official splits.

    The official layout. The annotations were compared with the original files:

        videos/CLASS/v_CLASS_g01_c01.avi   the folder UCF-101
        annotations/classInd.txt           "1 ApplyEyeMakeup", counted from 1
        annotations/trainlist01.txt        "CLASS/v_CLASS_g08_c01.avi 1"; also 02 and 03
        annotations/testlist01.txt         "CLASS/v_CLASS_g01_c01.avi", without a label

    The class of a test clip is the name of its folder. The test list becomes `val`, since the
    dataset has no validation part.
    """

    name = "ucf101"
    variants = ("1", "2", "3")

    def read_annotations(self, folder, variant):
        labels = _read_classes(find_file(folder, "classInd.txt"))
        clips = []
        for split, name in (("train", "trainlist"), ("val", "testlist")):
            for where, line in read_lines(find_file(folder, f"{name}0{variant}.txt")):
                file, *number = line.split()
                index = find_label(labels, file.partition("/")[0], where)
                if number not in ([], [str(index + 1)]):
                    raise DataError(
                        f"The label of `{file}` must be {index + 1}, that of its folder in "
                        f"classInd.txt. Received: {' '.join(number)} at {where}"
                    )
                clips.append(AnnotatedClip(file, index, split, where))
        return labels, clips, {}

    def published(self, variant):
        return {
            "1": {"train": 9_537, "val": 3_783},
            "2": {"train": 9_586, "val": 3_734},
            "3": {"train": 9_624, "val": 3_696},
        }[variant]

    def source(self, variant):
        return f"UCF101 split {variant}"

    def locator(self, videos):
        return (lambda file: file if (videos / file).is_file() else None), []


def _read_classes(path):
    names = []
    for where, line in read_lines(path):
        number, _, name = line.partition(" ")
        if number != str(len(names) + 1):
            raise DataError(
                "A line must be the class's number, counted from 1, and its name. Received: "
                f"{line!r} at {where}. Use the official file."
            )
        names.append(name)
    return LabelMap(names)
