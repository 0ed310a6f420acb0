"""Something-Something V1 (Goyal et al., ICCV 2017)."""

from gsf_tf.data.listing.datasets.numbered_clips import locate_folders, read_numbered_clips
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset


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
        return *read_numbered_clips(folder, "something-something-v1"), {}

    def published(self, variant):
        return {"train": 86_017, "val": 11_522}

    def source(self, variant):
        return "Something-Something V1"

    def locator(self, videos):
        return locate_folders(videos)
