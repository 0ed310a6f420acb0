"""A shard of tiny clips, made in milliseconds."""

import io
import pathlib

import numpy as np
from PIL import Image

from gsf_tf.data import ClipListing, ClipSource, DatasetInfo, LabelMap, RecordSettings
from gsf_tf.data.encoded_clip import EncodedClip
from gsf_tf.data.record_schema import serialize_clip
from tests.data.damage_maker import write_shard


def write_small_records(path, num_clips, num_classes, *, height=24, width=32, num_frames=4):
    """Writes a shard, `labels.txt` and `dataset_info.json`; returns the records.

    Clip N has the class N % num_classes and the media id `clipN`; its frames are noise.
    """
    path = pathlib.Path(path)
    rng = np.random.default_rng(0)
    labels = LabelMap([f"class {number}" for number in range(num_classes)])
    listing, settings = ClipListing((), labels, {}), RecordSettings(short_side=min(height, width))
    records = []
    for number in range(num_clips):
        frames = []
        for _ in range(num_frames):
            buffer = io.BytesIO()
            pixels = rng.integers(0, 256, [height, width, 3], np.uint8)
            Image.fromarray(pixels).save(buffer, "JPEG", quality=50)
            frames.append(buffer.getvalue())
        source = ClipSource(f"clip{number}.mp4", f"clip{number}.mp4", number % num_classes, "train")
        clip = EncodedClip(frames, [0] * num_frames, 10.0, height, width)
        records.append(serialize_clip(source, clip, listing, settings))
    write_shard(path, records)
    labels.save(path.parent / "labels.txt")
    counts = {
        "clips": num_clips,
        "frames": num_clips * num_frames,
        "shards": {path.name: num_clips},
    }
    splits = {path.name.split("-")[0]: counts}
    info = DatasetInfo(list(labels), labels.fingerprint, {}, "", splits)
    info.save(str(path.parent))
    return records
