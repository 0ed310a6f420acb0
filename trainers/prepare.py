"""Turns videos with labels into sharded TFRecords that training reads.

One folder per class:

    python -m trainers.prepare --videos=videos --output=records

    videos/opening/a.mp4 ...        a fifth of each class is held back for validation
    videos/closing/b.mp4 ...        (--val_fraction); or give videos/train/CLASS/ and
                                    videos/val/CLASS/ yourself

Instead of videos, the class folders may hold images (opening/a.jpg, .png), which are clips of one
frame, or clips as folders of frames (opening/a/00001.jpg, 00002.jpg ...; --frame_rate).

A list, one `path label` or `path start end label` per line, times in seconds (tabs between where
names hold spaces). --label_names=verb,noun says that a line has two labels:

    python -m trainers.prepare --videos=videos --annotations=train.txt \\
        --val_annotations=val.txt --output=records

A dataset of the papers, from the files as they are downloaded (docs/data.md has each one's layout
and command); --annotations is the folder of its annotation files:

    python -m trainers.prepare --dataset=ssv2 --videos=20bn-something-something-v2 \\
        --annotations=labels --output=records

    ssv1 ssv2       Something-Something: folders of frames; WebM videos
    kinetics400     clips named ID_000012_000022.mp4, in any folders
    diving48        --split=V2 (cleaned labels, the default) or V1
    epic100         parts of long videos; the class is the (verb, noun) pair
    ucf101 hmdb51   --split=1 (the default), 2 or 3

Clips that are listed and not there are counted, and named in missing.txt. That is no error as long
as each split has a clip: the exit status is 0 when records were written, 1 when not.

The output folder receives train-00000-of-00004.tfrecord ..., labels.txt (one class per line,
in the order of their indices), dataset_info.json (counts and settings) and quarantine.jsonl:
the clips that cannot be decoded, each with its reason. They are left out, the rest goes on.
Frames are stored upright as JPEGs, scaled down to a short side of --short_side pixels.
Shards get their final names only when they are complete. The same input, settings and seed
give the same bytes, with any number of --workers. A run that was interrupted or killed continues
when the same command is given again; the shards that it finished stay.

--output may be in an object store (s3://, az:// or hdfs:// with tensorflow-io, gs:// without).
--runner=beam has the shards written by Apache Beam, on this machine or a cluster, with the same
bytes; every worker must see the videos and --output under the same paths:

    python -m trainers.prepare --videos=/nfs/videos --output=/nfs/records --runner=beam \\
        --beam_options="--runner=FlinkRunner --flink_master=host:8081 --environment_type=LOOPBACK"
"""

import os
import shlex

from absl import flags

from gsf_tf import data
from gsf_tf.errors import UserError
from trainers import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("videos", None, "Folder of the videos.", required=True)
flags.DEFINE_string("output", None, "Folder for the records.", required=True)
flags.DEFINE_enum(
    "dataset",
    None,
    ["folder", "list", *data.OFFICIAL_DATASETS],
    "How the videos are labeled; by default `list` with --annotations, else `folder`.",
)
flags.DEFINE_string(
    "annotations",
    None,
    "List of paths and labels, paths relative to --videos; or, for a dataset of the papers, the "
    "folder of its annotation files.",
)
flags.DEFINE_string("split", None, "Official split or version of the labels, where there are more.")
flags.DEFINE_string("val_annotations", None, "A list like --annotations, of the validation clips.")
flags.DEFINE_string("labels", None, "Class names in order, one per line, for a list.")
flags.DEFINE_list("label_names", [], "Names of the labels of a line, where a list has several.")
flags.DEFINE_float(
    "val_fraction", 0.2, "Share of the clips held back where no validation part is given."
)
flags.DEFINE_float(
    "frame_rate", None, "Frames per second of clips that are folders of frames, where known."
)
flags.DEFINE_integer("short_side", 256, "Larger frames are scaled down to this, in pixels.")
flags.DEFINE_integer("jpeg_quality", 95, "JPEG quality of the frames.", 1, 100)
flags.DEFINE_integer("max_frames", 0, "Thin longer clips to this many frames; 0 keeps all.")
flags.DEFINE_integer(
    "clips_per_shard", 0, "Clips in one file, at most; 0 makes files of 100 to 200 MB."
)
flags.DEFINE_integer("workers", os.cpu_count(), "Decoding processes.", 1)
flags.DEFINE_integer("seed", 0, "Decides the validation clips and the order in the shards.", 0)
flags.DEFINE_bool(
    "overwrite", False, "Replace records that are already in --output, finished or not."
)
flags.DEFINE_enum("runner", "local", ["local", "beam"], "What writes the shards.")
flags.DEFINE_string("beam_options", "", "Options of Apache Beam, separated by spaces.")


def main(argv):
    if len(argv) > 1:
        raise UserError(f"Everything must be given as a flag. Received {argv[1:]}; see --help.")
    if FLAGS.beam_options and FLAGS.runner != "beam":
        raise UserError(
            "--beam_options must come with --runner=beam. Received "
            f"--beam_options={FLAGS.beam_options!r} with --runner={FLAGS.runner}."
        )

    # ------------------------------------------------------------------ find the clips
    listing = find_clips()
    settings = data.RecordSettings(
        short_side=FLAGS.short_side,
        jpeg_quality=FLAGS.jpeg_quality,
        max_frames=FLAGS.max_frames,
        clips_per_shard=FLAGS.clips_per_shard,
        seed=FLAGS.seed,
    )
    found = {split: len(clips) for split, clips in listing.by_split().items()}
    print(f"Found {sum(found.values())} clips of {len(listing.labels)} classes: {found}")
    if listing.kind == "images":
        print("Each clip is one image. (Frames of one clip must be in a folder of their own.)")
    if listing.missing:
        first = ", ".join(clip.data_path for clip in listing.missing[:5])
        print(f"Missing: {len(listing.missing)} clips that the annotations list, as {first}")
    if listing.ignored:
        count = sum(listing.ignored.values())
        print(f"Ignored {count} files that are no clips by their extension: {listing.ignored}")

    # ------------------------------------------------------------------ write the records
    if not FLAGS.overwrite:
        info = data.find_complete_records(listing, FLAGS.output, settings)
        if info is not None:
            print(f"{FLAGS.output} is complete with these settings; there is nothing to do.")
            print_summary(info)
            return
    info = write_with_progress(listing, settings)

    # ------------------------------------------------------------------ say what came out
    print_summary(info)


def find_clips():
    """Lists the clips as the flags say, each with its split."""
    kind = FLAGS.dataset or ("list" if FLAGS.annotations else "folder")
    if kind != "folder" and not FLAGS.annotations:
        raise UserError(f"--dataset={kind} must come with --annotations. Received none.")
    if FLAGS.frame_rate is not None and kind != "folder":
        raise UserError(
            "--frame_rate must come with a folder per class (--dataset=folder). Received "
            f"--frame_rate={FLAGS.frame_rate:g} for --dataset={kind}."
        )
    if kind != "list":
        forbidden = ["val_annotations", "labels", "label_names"]
        for flag in ["annotations", *forbidden] if kind == "folder" else forbidden:
            if FLAGS[flag].value:
                raise UserError(
                    f"--{flag} must come with a list (--annotations, --dataset=list). Received "
                    f"--{flag}={FLAGS[flag].value} for --dataset={kind}."
                )
    if kind in data.OFFICIAL_DATASETS:
        dataset = data.OFFICIAL_DATASETS[kind]
        listing = dataset.list_clips(FLAGS.videos, FLAGS.annotations, FLAGS.split)
    elif FLAGS.split:
        raise UserError(
            "--split must come with a dataset that has several official ones. Received "
            f"--split={FLAGS.split} for --dataset={kind}."
        )
    elif kind == "folder":
        listing = data.list_video_folder(FLAGS.videos, FLAGS.frame_rate)
    else:
        listing = data.list_annotated_videos(
            FLAGS.videos,
            FLAGS.annotations,
            val_annotations=FLAGS.val_annotations,
            labels=data.LabelMap.load(FLAGS.labels) if FLAGS.labels else None,
            tasks=FLAGS.label_names,
        )
    if any(clip.split for clip in listing.clips):
        if FLAGS["val_fraction"].present:
            raise UserError(
                "--val_fraction must be left out where a validation part is given. Received "
                f"--val_fraction={FLAGS.val_fraction} beside one."
            )
        return listing
    return data.split_for_validation(listing, FLAGS.val_fraction, FLAGS.seed)


def write_with_progress(listing, settings):
    """Writes the records under a progress bar that counts the clips left out."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("Writing records"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]} quarantined"),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("", total=len(listing.clips), failed=0)

        def advance(source, error):
            failed = progress.tasks[0].fields["failed"] + (error is not None)
            progress.update(task, advance=1, failed=failed)

        def say_what_is_there(finished, total):
            if finished:
                progress.print(f"Continuing: {finished} of {total} shards are finished already.")
            if FLAGS.runner == "beam":
                progress.print(f"Apache Beam writes {total - finished} shards.")

        return data.write_records(
            listing,
            FLAGS.output,
            settings,
            workers=FLAGS.workers,
            beam_options=shlex.split(FLAGS.beam_options) if FLAGS.runner == "beam" else None,
            overwrite=FLAGS.overwrite,
            on_plan=say_what_is_there,
            on_clip=advance,
        )


def print_summary(info):
    """Prints the counts of each split, the clips left out, and where everything is."""
    from rich.console import Console
    from rich.table import Table

    is_local = "://" not in FLAGS.output
    table = Table(title=f"Records in {os.path.abspath(FLAGS.output) if is_local else FLAGS.output}")
    table.add_column("")
    for split in info.splits:
        table.add_column(split, justify="right")
    # Records of an earlier version do not say what was expected and what was missing.
    for name, number in (
        ("expected (published)", lambda counts: counts.get("published") or "-"),
        ("found", lambda counts: counts["found"]),
        ("missing", lambda counts: counts.get("missing", "-")),
        ("quarantined", lambda counts: counts["quarantined"]),
        ("written", lambda counts: counts["clips"]),
        ("frames", lambda counts: counts["frames"]),
        ("shards", lambda counts: len(counts["shards"])),
        ("MB", lambda counts: f"{counts['bytes'] / 1e6:.1f}"),
    ):
        table.add_row(name, *(str(number(counts)) for counts in info.splits.values()))
    Console().print(table)
    if any(counts.get("missing") for counts in info.splits.values()):
        print(f"The missing clips are in {os.path.join(FLAGS.output, 'missing.txt')}")
    quarantined = data.read_quarantine(FLAGS.output)
    for clip in quarantined[:20]:
        print(f"left out: {clip.path}: {clip.reason} ({clip.frames_decoded} frames decoded)")
    if quarantined:
        path = os.path.join(FLAGS.output, "quarantine.jsonl")
        print(f"All {len(quarantined)} clips left out are in {path}")
    print("Next: python -m trainers.train --help")


if __name__ == "__main__":
    cli.run(main)
