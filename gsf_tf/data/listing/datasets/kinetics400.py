"""Kinetics-400 (Kay et al., 2017)."""

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import find_file, find_label, read_table
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError

_FILES = (
    ("train", ("train.csv", "kinetics_train.csv")),
    ("val", ("validate.csv", "val.csv", "kinetics_val.csv")),
)


class Kinetics400(OfficialDataset):
    """Kinetics-400: ten-second clips of YouTube videos, 400 classes.

    The official lists and the usual downloads, from memory:

        videos/CLASS/ID_000012_000022.mp4   class folders with spaces or underscores, or none;
                                            also below train/ and val/
        annotations/train.csv               label,youtube_id,time_start,time_end,split[,is_cc]
        annotations/validate.csv            the same; also as val.csv

    The name of a file identifies its clip, and the list has the class. Videos vanish from YouTube,
    so some clips are always missing. The indices are those of the sorted names.
    """

    name = "kinetics400"

    def read_annotations(self, folder, variant):
        columns = ("label", "youtube_id", "time_start", "time_end")
        rows = [
            (split, where, row)
            for split, names in _FILES
            for where, row in read_table(find_file(folder, *names), *columns)
        ]
        labels = LabelMap(sorted({row["label"] for split, _, row in rows if split == "train"}))
        clips = []
        for split, where, row in rows:
            try:
                start, end = int(float(row["time_start"])), int(float(row["time_end"]))
            except (OverflowError, ValueError) as error:
                raise DataError(
                    "time_start and time_end must be seconds. Received: "
                    f"time_start={row['time_start']!r}, time_end={row['time_end']!r} at {where}"
                ) from error
            file = f"{row['label']}/{row['youtube_id']}_{start:06d}_{end:06d}.mp4"
            index = find_label(labels, row["label"], where)
            clips.append(AnnotatedClip(file, index, split, where))
        return labels, clips, {}

    def published(self, variant):
        # Kay et al., section 2: 306,245 clips, of each class 50 for validation and 100 for testing.
        return {"train": 246_245, "val": 20_000}

    def source(self, variant):
        return "Kinetics-400"
