"""EPIC-KITCHENS-100 (Damen et al., IJCV 2022)."""

import re

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import check_label, find_file, read_table
from gsf_tf.data.listing.datasets.official_dataset import OfficialDataset
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError

_TIME = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")

_FILES = (("train", "EPIC_100_train.csv"), ("val", "EPIC_100_validation.csv"))

_COLUMNS = (
    "narration_id",
    "participant_id",
    "video_id",
    "start_timestamp",
    "stop_timestamp",
    "verb_class",
    "noun_class",
)


class Epic100(OfficialDataset):
    """EPIC-KITCHENS-100: parts of long kitchen videos, 97 verbs and 300 nouns.

    The official layout. The annotations were compared with the original files, but for the
    training list:

        videos/P01/videos/P01_01.MP4             in any folders; the name identifies a video
        annotations/EPIC_100_train.csv           narration_id,participant_id,video_id,
                                                 narration_timestamp,start_timestamp,
                                                 stop_timestamp,start_frame,stop_frame,narration,
                                                 verb,verb_class,noun,noun_class,all_nouns,
                                                 all_noun_classes
        annotations/EPIC_100_validation.csv      the same
        annotations/EPIC_100_verb_classes.csv    id,key,instances,category
        annotations/EPIC_100_noun_classes.csv    the same

    The class of a clip is its action, a (verb, noun) pair. The classes are all pairs that occur in
    the two lists, sorted by verb and noun (3,806 in the official lists). Records hold the labels of
    the tasks verb and noun too. The parts are cut by their timestamps and not by their frame
    numbers, which count 50 or 60 frames per second and are wrong for videos that were converted
    to another rate.
    """

    name = "epic100"

    def read_annotations(self, folder, variant):
        classes = {
            task: _read_classes(find_file(folder, f"EPIC_100_{task}_classes.csv"))
            for task in ("verb", "noun")
        }
        rows = []
        for split, name in _FILES:
            for where, row in read_table(find_file(folder, name), *_COLUMNS):
                verb = check_label(classes["verb"], row["verb_class"], where)
                noun = check_label(classes["noun"], row["noun_class"], where)
                rows.append((split, where, row, (verb, noun)))
        pairs = sorted({pair for *_, pair in rows})
        if not pairs:
            raise DataError(
                f"The annotations must list clips. Received: annotations={str(folder)!r}, without "
                "a clip"
            )
        labels = LabelMap(
            f"{classes['verb'][verb]} {classes['noun'][noun]}" for verb, noun in pairs
        )
        actions = {pair: index for index, pair in enumerate(pairs)}
        clips = [
            AnnotatedClip(
                f"{row['participant_id']}/videos/{row['video_id']}.MP4",
                actions[pair],
                split,
                where,
                row["narration_id"],
                _seconds(row["start_timestamp"], where),
                _seconds(row["stop_timestamp"], where),
                pair,
            )
            for split, where, row, pair in rows
        ]
        return labels, clips, classes

    def published(self, variant):
        return {"train": 67_217, "val": 9_668}

    def source(self, variant):
        return "EPIC-KITCHENS-100"


def _read_classes(path):
    names = []
    for where, row in read_table(path, "id", "key"):
        if row["id"] != str(len(names)):
            raise DataError(
                "The classes must be in the order of their ids, 0, 1, 2, ... Received: "
                f"{row['id']!r} at {where}. Use the official file."
            )
        names.append(row["key"])
    return LabelMap(names)


def _seconds(timestamp, where):
    match = _TIME.fullmatch(timestamp.strip())
    if match is None:
        raise DataError(
            f"A timestamp must be hours:minutes:seconds. Received: {timestamp!r} at {where}"
        )
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
