"""What the Kinetics datasets have in common."""

import pathlib

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import find_file, find_label, read_table
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError

_COLUMNS = ("label", "youtube_id", "time_start", "time_end")


class Kinetics(OfficialDataset):
    """Ten-second clips of YouTube videos; `Kinetics400` and its successors say how many classes.

    The lists and the usual downloads of clips (N is the number of classes):

        videos/CLASS/ID_000012_000022.mp4     class folders with spaces or underscores, or none;
                                              also below train/ and val/
        annotations/train.csv                 label,youtube_id,time_start,time_end,split[,is_cc]
        annotations/validate.csv              the same

    These are the names in DeepMind's archive, `kineticsN.tar.gz`. Lists with the names that others
    distribute are read too: `kinetics-N_train.csv` and `kinetics-N_val.csv` (ActivityNet),
    `train.csv` and `val.csv` (CVDF), `kinetics_train.csv` and `kinetics_val.csv` (MMAction2).

    The name of a file identifies its clip, and the list has the class. Videos vanish from YouTube,
    so some clips are always missing. The indices are those of the sorted names.

    Attributes:
        num_classes: Number of classes, the N of the names.
        num_clips: Number of training and of validation clips that the authors state.
    """

    num_classes: int
    num_clips: tuple[int, int]

    def read_annotations(self, folder, variant):
        rows = [
            (split, where, row)
            for split, path in self._find_lists(folder)
            for where, row in read_table(path, *_COLUMNS)
        ]
        labels = LabelMap(sorted({row["label"] for split, _, row in rows if split == "train"}))
        clips = []
        for split, where, row in rows:
            start, end = _seconds(row, where)
            file = f"{row['label']}/{row['youtube_id']}_{start:06d}_{end:06d}.mp4"
            index = find_label(labels, row["label"], where)
            clips.append(AnnotatedClip(file, index, split, where))
        return labels, clips, {}

    def published(self, variant):
        train, val = self.num_clips
        return {"train": train, "val": val}

    def source(self, variant):
        return f"Kinetics-{self.num_classes}"

    def _find_lists(self, folder: pathlib.Path):
        prefix = f"kinetics-{self.num_classes}_"
        train = (f"{prefix}train.csv", "train.csv", "kinetics_train.csv")
        val = (f"{prefix}val.csv", "validate.csv", "val.csv", "kinetics_val.csv")
        return (("train", find_file(folder, *train)), ("val", find_file(folder, *val)))


def _seconds(row, where):
    try:
        return int(float(row["time_start"])), int(float(row["time_end"]))
    except (OverflowError, ValueError) as error:
        raise DataError(
            "time_start and time_end must be seconds. Received: "
            f"time_start={row['time_start']!r}, time_end={row['time_end']!r} at {where}"
        ) from error
