"""HMDB51 (Kuehne et al., ICCV 2011)."""

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import read_lines
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError

_SPLITS = {"0": None, "1": "train", "2": "val"}


class Hmdb51(OfficialDataset):
    """HMDB51: AVI videos, 51 classes, three official splits.

    The official layout. The annotations were compared with the original files:

        videos/CLASS/NAME.avi                   the archive holds an archive per class
        annotations/CLASS_test_split1.txt       "NAME.avi 1 ", a file for each class and split;
                                                the folder testTrainMulti_7030_splits

    1 marks a training clip, 2 a test clip, 0 a clip of neither part. The indices are those of the
    sorted names. The test clips become `val`, since the dataset has no validation part.
    """

    name = "hmdb51"
    variants = ("1", "2", "3")

    def read_annotations(self, folder, variant):
        suffix = f"_test_split{variant}.txt"
        files = sorted(folder.glob(f"*{suffix}"))
        if not files:
            raise DataError(
                f"`annotations` must be a folder with a file `CLASS{suffix}` for each class. "
                f"Received: annotations={str(folder)!r}, which holds none. Pass the folder "
                "testTrainMulti_7030_splits."
            )
        labels = LabelMap(sorted(path.name.removesuffix(suffix) for path in files))
        clips = []
        for path in files:
            name = path.name.removesuffix(suffix)
            for where, line in read_lines(path):
                file, _, number = line.rpartition(" ")
                if number not in _SPLITS or not file:
                    raise DataError(
                        f"A line must be a file and 0, 1 or 2. Received: {line!r} at {where}. Use "
                        "the official file."
                    )
                split = _SPLITS[number]
                if split:
                    index = labels.index_of(name)
                    clips.append(AnnotatedClip(f"{name}/{file.strip()}", index, split, where))
        return labels, clips, {}

    def published(self, variant):
        return {"train": 3_570, "val": 1_530}

    def source(self, variant):
        return f"HMDB51 split {variant}"

    def locator(self, videos):
        return (lambda file: file if (videos / file).is_file() else None), []
