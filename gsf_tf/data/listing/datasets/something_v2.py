"""Something-Something V2 (20BN, 2018)."""

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import (
    find_file,
    find_label,
    read_entries,
    read_json,
)
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError

_PREFIX = "something-something-v2-"


class SomethingV2(OfficialDataset):
    """Something-Something V2: WebM videos, 174 classes.

    The official layout. Labels and validation list were compared with the original files. Each
    annotation file may also have the longer name of the first release, such as
    `something-something-v2-train.json`:

        videos/ID.webm                the folder 20bn-something-something-v2
        annotations/labels.json       {"Putting something on a surface": "109", ...}
        annotations/train.json        [{"id": "78687", "label": "holding potato next to vase",
                                        "template": "Holding [something] next to [something]",
                                        "placeholders": ["potato", "vase"]}, ...]
        annotations/validation.json   the same

    The class is the template without its brackets. The test part has no labels and is left out.
    """

    name = "ssv2"
    # With the indices of labels.json these are the pairs of the GSF code: 86-87, 93-94, 166-167.
    flip_pairs = (
        ("Pulling something from left to right", "Pulling something from right to left"),
        ("Pushing something from left to right", "Pushing something from right to left"),
        (
            "Turning the camera left while filming something",
            "Turning the camera right while filming something",
        ),
    )

    def read_annotations(self, folder, variant):
        labels = _read_labels(find_file(folder, "labels.json", f"{_PREFIX}labels.json"))
        clips = []
        for split, name in (("train", "train.json"), ("val", "validation.json")):
            path = find_file(folder, name, _PREFIX + name)
            for where, (clip, template) in read_entries(path, "id", "template"):
                label = str(template).replace("[", "").replace("]", "")
                index = find_label(labels, label, where)
                clips.append(AnnotatedClip(f"{clip}.webm", index, split, where))
        return labels, clips, {}

    def published(self, variant):
        return {"train": 168_913, "val": 24_777}

    def source(self, variant):
        return "Something-Something V2"


def _read_labels(path):
    indices = read_json(path)
    rule = f"`{path}` must map each class name to its index, and the indices must be 0, 1, 2, ..."
    try:
        by_index = {int(index): name for name, index in indices.items()}
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise DataError(f"{rule} Received: another structure ({error})") from error
    if sorted(by_index) != list(range(len(indices))):
        raise DataError(f"{rule} Received: {len(indices)} names with a gap or a repetition")
    return LabelMap(by_index[index] for index in range(len(by_index)))
