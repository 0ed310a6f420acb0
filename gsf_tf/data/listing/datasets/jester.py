"""Jester (Materzynska et al., ICCV Workshops 2019)."""

from gsf_tf.data.listing.datasets.numbered_clips import locate_folders, read_numbered_clips
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset


class Jester(OfficialDataset):
    """Jester: hand gestures before a webcam, a folder of JPEG frames per clip, 27 classes.

    The official layout. The label file was compared with the original, the rest is from memory:

        videos/ID/00001.jpg                    the folder 20bn-jester-v1
        annotations/jester-v1-labels.csv       a label per line
        annotations/jester-v1-train.csv        ID;label
        annotations/jester-v1-validation.csv   ID;label

    The indices are those of the sorted names, as in TSM's code; the order of the label file is
    another one, and copies of it differ. The test part has no labels and is left out. The videos
    have 12 frames per second.
    """

    name = "jester"
    frame_rate = 12.0
    flip_pairs = (
        ("Sliding Two Fingers Left", "Sliding Two Fingers Right"),
        ("Swiping Left", "Swiping Right"),
        ("Turning Hand Clockwise", "Turning Hand Counterclockwise"),
    )

    def read_annotations(self, folder, variant):
        return *read_numbered_clips(folder, "jester-v1"), {}

    def published(self, variant):
        return {"train": 118_562, "val": 14_787}

    def source(self, variant):
        return "Jester V1"

    def locator(self, videos):
        return locate_folders(videos)
