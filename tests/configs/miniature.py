"""Records of a few tiny clips, with the labels and rules of a dataset of the papers."""

import numpy as np
from PIL import Image

from gsf_tf.data import LabelMap, RecordSettings, write_records
from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.listing.datasets import OFFICIAL_DATASETS

TRAIN, VAL, FRAMES = 4, 3, 6
LABELS = {
    "kinetics400": ("abseiling", "air drumming", "zumba"),
    "diving48": ("Back 15som 05Twis FREE", "Forward 35som NoTwis PIKE", "Reverse Dive NoTwis TUCK"),
    "ucf101": ("ApplyEyeMakeup", "Archery", "YoYo"),
    "hmdb51": ("brush_hair", "cartwheel", "wave"),
    "imagenet": ("n01440764", "n01443537", "n15075141"),
}
TASK_CLASSES = {"verb": LabelMap(["take", "put"]), "noun": LabelMap(["door", "light", "salt"])}
PAIRS = [(0, 0), (0, 2), (1, 0), (1, 1)]


def make_records(dataset, frames, folder):
    """Writes the miniature of a dataset.

    Every clip is the folder `frames`; of ImageNet its first image, which is read as a video of one
    frame.
    """
    is_image = dataset == "imagenet"
    official = OFFICIAL_DATASETS.get(dataset)
    names = LABELS.get(dataset, ())
    if dataset == "epic100":
        names = [
            " ".join(f"{TASK_CLASSES['verb'][v]} {TASK_CLASSES['noun'][n]}".split())
            for v, n in PAIRS
        ]
    elif dataset in ("ssv1", "ssv2"):
        names = [*(name for pair in official.flip_pairs for name in pair), "Poking something"]
    labels = LabelMap(names)
    clips = [
        ClipSource(
            str(frames / "00001.jpg" if is_image else frames),
            f"{split}{number}",
            number % len(labels),
            split,
            frame_rate=None if is_image else 12.0,
            task_labels=PAIRS[number % len(labels)] if dataset == "epic100" else (),
        )
        for split, count in (("train", TRAIN), ("val", VAL))
        for number in range(count)
    ]
    listing = ClipListing(
        tuple(clips),
        labels,
        source=official.source(None) if official else "folder",
        task_classes=TASK_CLASSES if dataset == "epic100" else {},
        flip_pairs=official.flip_pairs if official else None,
    )
    return write_records(listing, str(folder), RecordSettings(short_side=48))


def make_frames(folder):
    """Writes a clip as a folder of frames, as Something-Something V1 has them."""
    folder.mkdir()
    for number in range(1, FRAMES + 1):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), "uint8")
        Image.fromarray(pixels).save(folder / f"{number:05d}.jpg")
    return folder
