"""Turns a folder of videos into sharded TFRecords that training reads.

One folder per class:

    python -m trainers.prepare --videos=videos --output=records

    videos/opening/a.mp4 ...        a fifth of each class is held back for validation
    videos/closing/b.mp4 ...        (--val_fraction); or give videos/train/CLASS/ and
                                    videos/val/CLASS/ yourself

A list of paths and labels, one `path label` per line (a tab between where names hold spaces):

    python -m trainers.prepare --videos=videos --annotations=train.txt \\
        --val_annotations=val.txt --output=records

The output folder receives train-00000-of-00004.tfrecord ..., labels.txt (one class per line,
in the order of their indices), dataset_info.json (counts and settings) and quarantine.jsonl:
the clips that cannot be decoded, each with its reason. They are left out, the rest goes on.
Frames are stored upright as JPEGs, scaled down to a short side of --short_side pixels.
Shards get their final names only when they are complete. The same input, settings and seed
give the same bytes, with any number of --workers.
"""

import os

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
    ["folder", "list"],
    "How the videos are labelled; by default `list` with --annotations, else `folder`.",
)
flags.DEFINE_string("annotations", None, "List of paths and labels, paths relative to --videos.")
flags.DEFINE_string("val_annotations", None, "The same for the validation clips.")
flags.DEFINE_string("labels", None, "Class names in order, one per line, for a list.")
flags.DEFINE_float(
    "val_fraction", 0.2, "Share of the clips held back where no validation part is given."
)
flags.DEFINE_integer("short_side", 256, "Larger frames are scaled down to this, in pixels.")
flags.DEFINE_integer("jpeg_quality", 95, "JPEG quality of the frames.", 1, 100)
flags.DEFINE_integer("max_frames", 0, "Thin longer clips to this many frames; 0 keeps all.")
flags.DEFINE_integer("clips_per_shard", 256, "Clips in one file, about.")
flags.DEFINE_integer("workers", os.cpu_count(), "Decoding processes.", 1)
flags.DEFINE_integer("seed", 0, "Decides the validation clips and the order in the shards.", 0)
flags.DEFINE_bool("overwrite", False, "Replace records that are already in --output.")


def main(argv):
    if len(argv) > 1:
        raise UserError(f"Everything must be given as a flag. Received {argv[1:]}; see --help.")

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
    if listing.ignored:
        count = sum(listing.ignored.values())
        print(f"Ignored {count} files that are not videos by their extension: {listing.ignored}")

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
    if kind == "list" and not FLAGS.annotations:
        raise UserError("--dataset=list must come with --annotations. Received none.")
    if kind == "folder":
        for flag in ("annotations", "val_annotations", "labels"):
            if FLAGS[flag].value:
                raise UserError(
                    f"--{flag} must come with a list (--annotations, --dataset=list). Received "
                    f"--{flag}={FLAGS[flag].value} for a folder per class."
                )
        listing = data.list_video_folder(FLAGS.videos)
    else:
        listing = data.list_annotated_videos(
            FLAGS.videos,
            FLAGS.annotations,
            val_annotations=FLAGS.val_annotations,
            labels=data.LabelMap.load(FLAGS.labels) if FLAGS.labels else None,
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

        return data.write_records(
            listing, FLAGS.output, settings, workers=FLAGS.workers, on_clip=advance
        )


def print_summary(info):
    """Prints the counts of each split, the clips left out, and where everything is."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Records in {os.path.abspath(FLAGS.output)}")
    table.add_column("split")
    columns = ("found", "written", "quarantined", "frames", "shards", "MB")
    for column in columns:
        table.add_column(column, justify="right")
    for split, counts in info.splits.items():
        numbers = (counts["found"], counts["clips"], counts["quarantined"], counts["frames"])
        megabytes = f"{counts['bytes'] / 1e6:.1f}"
        table.add_row(split, *map(str, numbers), str(len(counts["shards"])), megabytes)
    Console().print(table)
    quarantined = data.read_quarantine(FLAGS.output)
    for clip in quarantined[:20]:
        print(f"left out: {clip.path}: {clip.reason} ({clip.frames_decoded} frames decoded)")
    if quarantined:
        path = os.path.join(FLAGS.output, "quarantine.jsonl")
        print(f"All {len(quarantined)} clips left out are in {path}")
    print("Next: python -m trainers.train --help")


if __name__ == "__main__":
    cli.run(main)
