"""Clips per second of the training pipeline, against decoding alone and against PyTorch.

  python -m benchmarks.input_pipeline --output=input_pipeline

Measures, in turns and on all cores,

  pipeline  `video_dataset_from_records` in training: shuffle, decode, crop, scale, batch
  decode    decoding the same number of whole frames of the same records in `tf.data`, nothing else
  crops     the same, decoding only what a multi-scale crop needs
  torch     PIL, the same crops and scaling, files per frame, `DataLoader` workers (if PyTorch is
            installed)

and prints the median over the rounds, the median of the ratios within a round, and the memory
of this process. --augment adds the time of RandAugment, color jitter and the like. Clips come from
--videos (a folder per class), or are those of the embedded default, enlarged to 340 x 256.
"""

import importlib.util
import json
import os
import pathlib
import resource
import time

import numpy as np
import rich.console
import rich.table
import tensorflow as tf
from absl import flags
from PIL import Image

from gsf_tf.data import (
    DatasetInfo,
    RecordSettings,
    list_video_folder,
    split_for_validation,
    train_segment_indices,
    video_dataset_from_records,
    write_records,
)
from gsf_tf.data.demo_clips import render_clip, write_video
from gsf_tf.data.pipeline.cropping import training_crop
from gsf_tf.data.records.record_parser import parse_clip
from gsf_tf.data.records.record_schema import label_key
from gsf_tf.tasks import ACTION
from trainers import cli

_OUTPUT = flags.DEFINE_string("output", None, "Folder for the data, kept for the next call.")
_VIDEOS = flags.DEFINE_string("videos", None, "Folder of videos, one folder per class.")
_CLIPS = flags.DEFINE_integer("clips", 64, "Clips to make where there is no --videos.")
_SEGMENTS = flags.DEFINE_integer("num_segments", 8, "Frames per clip.")
_SIZE = flags.DEFINE_integer("image_size", 224, "Side of the frames that come out.")
_BATCH = flags.DEFINE_integer("batch_size", 16, "Clips per batch.")
_REPEATS = flags.DEFINE_integer("repeats", 48, "Times that a round uses every clip.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds, in each of which everything runs once.")
_AUGMENT = flags.DEFINE_bool("augment", False, "Measure augmentations too.")
flags.mark_flag_as_required("output")

# Batches at the beginning and the end of a pass that are not measured: buffers are filled, and then
# used up. At the end nothing is read but what is in the shuffle buffer.
BORDER_BATCHES = 20

# As `trainers.prepare` makes them.
SHARD_BYTES = 150_000_000

AUGMENTATIONS = {
    "flip": {"flip": 0.5},
    "erasing": {"erasing": 1.0},
    "color_jitter": {"color_jitter": (0.4, 0.4, 0.4, 0.1)},
    "rand_augment authors": {"rand_augment": 9.0},
    "rand_augment keras_cv": {"rand_augment": 9.0, "rand_augment_variant": "keras_cv"},
    "mixup": {"mixup": 0.8},
    "cutmix": {"cutmix": 1.0},
}


def prepare(output):
    """Makes records, and the same frames as files, in the folder `output`."""
    records, frames = output / "records", output / "frames"
    videos = pathlib.Path(_VIDEOS.value) if _VIDEOS.value else output / "videos"
    if not DatasetInfo.exists(str(records)):
        if not _VIDEOS.value:
            for number in range(_CLIPS.value):
                rng = np.random.default_rng(number)
                clip = render_clip("moving_left" if number % 2 else "moving_right", rng)
                large = [np.asarray(Image.fromarray(frame).resize((340, 256))) for frame in clip]
                path = videos / f"class{number % 2}" / f"{number}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_video(path, np.stack(large))
        listing = split_for_validation(list_video_folder(videos), 0.0)
        write_records(listing, str(records), RecordSettings(clips_per_shard=32))
    if not frames.exists():
        for shard in sorted(records.glob("train-*.tfrecord")):
            for number, record in enumerate(tf.data.TFRecordDataset(str(shard))):
                folder = frames / f"{shard.stem}-{number}"
                folder.mkdir(parents=True)
                clip, _ = parse_clip(record, {label_key(ACTION): None})
                places = zip(clip["offset"].numpy(), clip["size"].numpy(), strict=True)
                for index, (start, size) in enumerate(places):
                    jpeg = clip["data"].numpy()[start : start + size]
                    (folder / f"{index:05d}.jpg").write_bytes(jpeg)
    return str(repeat(records, output / "repeated") / "*.tfrecord"), str(frames)


def repeat(records, folder):
    """Makes large shards of small ones, and uses them several times: one long pass."""
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    (folder / "labels.txt").write_bytes((records / "labels.txt").read_bytes())
    for shard in sorted(records.glob("train-*.tfrecord")):
        clips = shard.read_bytes()
        copies = min(max(SHARD_BYTES // len(clips), 1), _REPEATS.value)
        large = folder / shard.name
        large.write_bytes(clips * copies)
        for number in range(1, _REPEATS.value // copies):
            (folder / f"{number}-{shard.name}").symlink_to(large.name)
    return folder


def training_dataset(pattern, **options):
    return video_dataset_from_records(
        pattern,
        _SEGMENTS.value,
        _BATCH.value,
        image_size=(_SIZE.value, _SIZE.value),
        training=True,
        **options,
    )


def decoding_dataset(pattern, cropped):
    """Decodes as many frames of the records, whole or cropped, and gives their sizes."""
    size = (_SIZE.value, _SIZE.value)

    def load(number, record):
        example, _ = parse_clip(record, {label_key(ACTION): None})
        seed = tf.stack([tf.cast(number, tf.int32), 0])
        indices = train_segment_indices(tf.size(example["size"]), _SEGMENTS.value, seed)
        places = tf.stack([example["offset"], example["size"]], axis=1)
        box = training_crop(*tf.unstack(example["frame_size"]), size, seed)
        sizes = []
        for place in tf.unstack(tf.gather(places, indices), _SEGMENTS.value):
            jpeg = tf.strings.substr(example["data"], *tf.unstack(place))
            method = {"channels": 3, "dct_method": "INTEGER_ACCURATE"}
            if cropped:
                frame = tf.image.decode_and_crop_jpeg(jpeg, box, **method)
            else:
                frame = tf.image.decode_jpeg(jpeg, **method)
            sizes.append(tf.size(frame))
        return tf.add_n(sizes)

    records = tf.data.TFRecordDataset(sorted(tf.io.gfile.glob(pattern))).enumerate()
    dataset = records.map(load, tf.data.AUTOTUNE).batch(_BATCH.value, drop_remainder=True)
    return dataset.prefetch(tf.data.AUTOTUNE)


def speed(batches):
    """Returns clips per second in the middle of a pass, as over a real dataset."""
    times = []
    for _ in batches:
        times.append(time.perf_counter())
    times = times[BORDER_BATCHES:-BORDER_BATCHES]
    return (len(times) - 1) * _BATCH.value / (times[-1] - times[0])


def memory():
    """Returns the resident and the peak memory of this process, in MB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGESIZE") / 2**20, peak / 2**10


def main(_):
    output = pathlib.Path(_OUTPUT.value)
    pattern, frames = prepare(output)
    resident, _ = memory()
    ways = {
        "pipeline": training_dataset(pattern),
        "decode": decoding_dataset(pattern, cropped=False),
        "crops": decoding_dataset(pattern, cropped=True),
    }
    if _AUGMENT.value:
        classes = range(len(DatasetInfo.load(str(output / "records")).labels))
        for name, options in AUGMENTATIONS.items():
            options = options | {"flip_label_map": classes}
            ways[name] = training_dataset(pattern, augmentation=options)
    if importlib.util.find_spec("torch"):
        from benchmarks.torch_loader import make_loader

        ways["torch"] = make_loader(
            frames, _SEGMENTS.value, _SIZE.value, _REPEATS.value, _BATCH.value, os.cpu_count()
        )
    rates = {name: [] for name in ways}
    for number in range(_ROUNDS.value + 1):
        for name, batches in ways.items():
            rate = speed(batches)
            # The first round starts workers and warms the cache of the disk.
            if number:
                rates[name].append(rate)
    console = cli.console()
    table = rich.table.Table("", "clips/s", "pipeline / this")
    for name, values in rates.items():
        ratio = np.median(np.divide(rates["pipeline"], values))
        table.add_row(name, f"{np.median(values):.1f}", f"{ratio:.2f}")
    console.print(table)
    after, peak = memory()
    console.print(
        f"Memory: {resident:.0f} MB before, {after:.0f} MB after {_ROUNDS.value} rounds, "
        f"peak {peak:.0f} MB; a batch has {_batch_megabytes():.0f} MB"
    )
    result = {"clips_per_second": rates, "memory_mb": {"resident": after, "peak": peak}}
    (output / "result.json").write_text(json.dumps(result, indent=2) + "\n")


def _batch_megabytes():
    return _BATCH.value * _SEGMENTS.value * _SIZE.value**2 * 3 / 2**20


if __name__ == "__main__":
    cli.run(main)
