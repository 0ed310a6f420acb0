"""Diving48 (Li, Li and Vasconcelos, ECCV 2018)."""

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import (
    check_label,
    find_file,
    read_entries,
    read_json,
)
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError


class Diving48(OfficialDataset):
    """Diving48: dives of 48 kinds.

    The official layout, from memory:

        videos/VID_NAME.mp4                 the folder rgb
        annotations/Diving48_vocab.json     [["Back", "15som", "05Twis", "FREE"], ...]
        annotations/Diving48_V2_train.json  [{"vid_name", "label", "start_frame", "end_frame"}, ...]
        annotations/Diving48_V2_test.json   the same

    The default is V2, the cleaned labels. V1 is read from `Diving48_train.json` and
    `Diving48_test.json`. Each file holds one dive (start_frame is 0), so every clip is a complete
    file. The official test part becomes `val`, since the dataset has no validation part.
    """

    name = "diving48"
    variants = ("V2", "V1")

    def read_annotations(self, folder, variant):
        labels = _read_vocabulary(find_file(folder, "Diving48_vocab.json"))
        prefix = {"V2": "Diving48_V2_", "V1": "Diving48_"}[variant]
        clips = []
        for split, name in (("train", "train"), ("val", "test")):
            path = find_file(folder, f"{prefix}{name}.json")
            for where, (clip, label) in read_entries(path, "vid_name", "label"):
                index = check_label(labels, label, where)
                clips.append(AnnotatedClip(f"{clip}.mp4", index, split, where))
        return labels, clips, {}

    def published(self, variant):
        return {
            "V2": {"train": 15_027, "val": 1_970},
            "V1": {"train": 16_067, "val": 2_337},
        }[variant]

    def source(self, variant):
        return f"Diving48 {variant}"


def _read_vocabulary(path):
    vocabulary = read_json(path)
    try:
        return LabelMap(" ".join(parts) for parts in vocabulary)
    except TypeError as error:
        raise DataError(
            f"`{path}` must be a list with the parts of each dive. Received: another structure "
            f"({error}). Use the official file."
        ) from error
