"""Prepare records: turn labeled videos into what training reads.

One folder per class:

    gsf-tf prepare --videos=videos --output=records

    videos/opening/a.mp4 ...        a fifth of each class is held back for validation
    videos/closing/b.mp4 ...        (--val_fraction); or give videos/train/CLASS/ and
                                    videos/val/CLASS/ yourself

The folders of splits may have these names, in any capitals: train, training; val, valid,
validation, dev, eval; test, testing. The clips of a test folder never become validation clips.

Instead of videos, the class folders may hold images (opening/a.jpg, .png), which are clips of one
frame, or clips as folders of frames (opening/a/00001.jpg, 00002.jpg ...; --frame_rate).

A list, one `path label` or `path start end label` per line, times in seconds (tabs between where
names hold spaces); for folders of frames also `path num_frames label` or `path first_frame
num_frames label`, as in the lists of TSN and TSM. --tasks=verb,noun says that a line has two
labels:

    gsf-tf prepare --videos=videos --annotations=train.txt \\
        --val_annotations=val.txt --output=records

A dataset of the papers, from the files as they are downloaded (docs/data.md has each one's layout
and command); --annotations is the folder of its annotation files:

    gsf-tf prepare --dataset=ssv2 --videos=20bn-something-something-v2 \\
        --annotations=labels --output=records

    ssv1 ssv2       Something-Something: folders of frames; WebM videos
    jester          folders of frames
    kinetics400     clips named ID_000012_000022.mp4, in any folders; also kinetics600, kinetics700
    diving48        --split=V2 (cleaned labels, the default) or V1
    epic100         parts of long videos; the class is the (verb, noun) pair
    ucf101 hmdb51   --split=1 (the default), 2 or 3

Clips that are listed but do not exist are counted, and named in missing.txt. That is not an error
as long as each split has a clip: the exit status is 0 when records were written, 1 when not.

The output folder receives train-00000-of-00004.tfrecord ..., labels.txt (one class per line,
in the order of their indices), dataset_info.json (counts and settings) and quarantine.jsonl:
the clips that cannot be decoded, or that are more work than --max_clip_pixels and
--max_clip_seconds allow, each with its reason. They are left out; the others are written.
Frames are stored upright as JPEGs, scaled down to a short side of --short_side pixels.
Shards get their final names only when they are complete. The same input, settings and seed
give the same bytes, with any number of --workers. A run that was interrupted or killed continues
when the same command is given again; the shards that it finished stay. One process at a time
writes into --output; a second one names the first and ends (--take_over).

--output may be in an object store (s3://, az:// or hdfs:// with tensorflow-io, gs:// without).
--runner=beam has the shards written by Apache Beam, on this machine or a cluster, with the same
bytes; every worker must see the videos and --output under the same paths:

    gsf-tf prepare --videos=/nfs/videos --output=/nfs/records --runner=beam \\
        --beam_options="--runner=FlinkRunner --flink_master=host:8081 --environment_type=LOOPBACK"
"""

import os
import shlex

from absl import flags

from . import cli
from .validation_part import with_validation_part

# Names in gsf_tf.data.OFFICIAL_DATASETS; a test compares them.
DATASETS = (
    "ssv1",
    "ssv2",
    "jester",
    "kinetics400",
    "kinetics600",
    "kinetics700",
    "diving48",
    "epic100",
    "ucf101",
    "hmdb51",
)

_VIDEOS = flags.DEFINE_string("videos", None, "Folder of the videos.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the records.", required=True)
_DATASET = flags.DEFINE_enum(
    "dataset",
    None,
    ["folder", "list", *DATASETS],
    "How the videos are labeled; by default `list` with --annotations, else `folder`.",
)
_ANNOTATIONS = flags.DEFINE_string(
    "annotations",
    None,
    "List of paths and labels, paths relative to --videos; or, for a dataset of the papers, the "
    "folder of its annotation files.",
)
_SPLIT = flags.DEFINE_string(
    "split", None, "Official split or version of the labels, where the dataset has several."
)
_VAL_ANNOTATIONS = flags.DEFINE_string(
    "val_annotations", None, "A list like --annotations, of the validation clips."
)
_LABELS = flags.DEFINE_string("labels", None, "Class names in order, one per line, for a list.")
_TASKS = flags.DEFINE_list(
    "tasks", [], "Names of the tasks, where a line of a list has a label for each of several."
)
_VAL_FRACTION = flags.DEFINE_float(
    "val_fraction", 0.2, "Share of the clips held back where no validation part is given."
)
_FRAME_RATE = flags.DEFINE_float(
    "frame_rate", None, "Frames per second of clips that are folders of frames, where known."
)
_SHORT_SIDE = flags.DEFINE_integer(
    "short_side", 256, "Larger frames are scaled down to this, in pixels."
)
_JPEG_QUALITY = flags.DEFINE_integer("jpeg_quality", 95, "JPEG quality of the frames.", 1, 100)
_MAX_FRAMES = flags.DEFINE_integer(
    "max_frames", 0, "Thin longer clips to this many frames; 0 keeps all."
)
_MAX_CLIP_PIXELS = flags.DEFINE_integer(
    "max_clip_pixels",
    300_000_000_000,
    "A clip of more pixels in all its decoded frames together is left out.",
    1,
)
_MAX_CLIP_SECONDS = flags.DEFINE_float(
    "max_clip_seconds", 600.0, "A clip that takes longer to decode is left out."
)
_CLIPS_PER_SHARD = flags.DEFINE_integer(
    "clips_per_shard", 0, "Clips in one file, at most; 0 makes files of 100 to 200 MB."
)
_WORKERS = flags.DEFINE_integer("workers", os.cpu_count(), "Decoding processes.", 1)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Decides the validation clips and the order in the shards.", 0
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Replace records that are already in --output, finished or not."
)
_TAKE_OVER = flags.DEFINE_bool(
    "take_over", False, "Write although another process does; that one ends at its next shard."
)
_RUNNER = flags.DEFINE_enum("runner", "local", ["local", "beam"], "What writes the shards.")
_BEAM_OPTIONS = flags.DEFINE_string(
    "beam_options", "", "Options of Apache Beam, separated by spaces."
)


def main(argv):
    check_flags(argv)

    from gsf_tf import data

    from .prepare_report import print_found, print_summary, write_with_progress

    # ---- Find the clips ---------------------------------------------------------------------
    console = cli.console()
    listing = find_clips()
    settings = data.RecordSettings(
        short_side=_SHORT_SIDE.value,
        jpeg_quality=_JPEG_QUALITY.value,
        max_frames=_MAX_FRAMES.value,
        clips_per_shard=_CLIPS_PER_SHARD.value,
        seed=_SEED.value,
        max_clip_pixels=_MAX_CLIP_PIXELS.value,
        max_clip_seconds=_MAX_CLIP_SECONDS.value,
    )
    print_found(console, listing)

    # ---- Write the records ------------------------------------------------------------------
    info = None
    if not _OVERWRITE.value:
        info = data.find_complete_records(listing, _OUTPUT.value, settings, _TAKE_OVER.value)
    if info is not None:
        console.print(f"{_OUTPUT.value} is complete with these settings; there is nothing to do.")
    else:
        info = write_with_progress(
            console,
            listing,
            _OUTPUT.value,
            settings,
            workers=_WORKERS.value,
            beam_options=shlex.split(_BEAM_OPTIONS.value) if _RUNNER.value == "beam" else None,
            overwrite=_OVERWRITE.value,
            take_over=_TAKE_OVER.value,
        )

    # ---- Report -----------------------------------------------------------------------------
    print_summary(console, info, _OUTPUT.value)


def dataset_kind():
    """Returns how the videos are labeled: `folder`, `list` or a dataset of the papers."""
    return _DATASET.value or ("list" if _ANNOTATIONS.value else "folder")


def check_flags(argv):
    """Checks the flags that belong together."""
    kind = dataset_kind()
    if len(argv) > 1:
        raise cli.FlagError(
            f"Everything must be given as a flag. Received: {argv[1:]}; see --help."
        )
    if _BEAM_OPTIONS.value and _RUNNER.value != "beam":
        raise cli.FlagError(
            "--beam_options must come with --runner=beam. Received: "
            f"--beam_options={_BEAM_OPTIONS.value!r} with --runner={_RUNNER.value}."
        )
    if kind != "folder" and not _ANNOTATIONS.value:
        raise cli.FlagError(f"--dataset={kind} must come with --annotations. Received: none.")
    if _FRAME_RATE.value is not None and kind != "folder":
        raise cli.FlagError(
            "--frame_rate must come with a folder per class (--dataset=folder). Received: "
            f"--frame_rate={_FRAME_RATE.value:g} for --dataset={kind}."
        )
    if kind != "list":
        of_a_list = [_VAL_ANNOTATIONS, _LABELS, _TASKS]
        for flag in [_ANNOTATIONS, *of_a_list] if kind == "folder" else of_a_list:
            if flag.value:
                raise cli.FlagError(
                    f"--{flag.name} must come with a list (--annotations, --dataset=list). "
                    f"Received: --{flag.name}={flag.value} for --dataset={kind}."
                )
    if _SPLIT.value and kind not in DATASETS:
        raise cli.FlagError(
            "--split must come with a dataset that has several official splits. Received: "
            f"--split={_SPLIT.value} for --dataset={kind}."
        )


def find_clips():
    """Lists the clips as the flags say, each with its split."""
    from gsf_tf import data

    kind = dataset_kind()
    if kind in DATASETS:
        dataset = data.OFFICIAL_DATASETS[kind]
        listing = dataset.list_clips(_VIDEOS.value, _ANNOTATIONS.value, _SPLIT.value)
    elif kind == "folder":
        listing = data.list_video_folder(_VIDEOS.value, _FRAME_RATE.value)
    else:
        listing = data.list_annotated_videos(
            _VIDEOS.value,
            _ANNOTATIONS.value,
            val_annotations=_VAL_ANNOTATIONS.value,
            labels=data.LabelMap.load(_LABELS.value) if _LABELS.value else None,
            tasks=_TASKS.value,
        )
    return with_validation_part(listing, _VAL_FRACTION, _SEED.value)


if __name__ == "__main__":
    cli.run(main)
