"""Each clip forward and backward: does a model see the order of the frames in real videos?

    python -m benchmarks.both_directions --videos=ucf101_3 --annotations=ucf101_3/train.txt \\
        --val_annotations=ucf101_3/val.txt --output=both
    gsf-tf prepare --videos=both/clips --annotations=both/train.txt \\
        --val_annotations=both/val.txt --labels=both/labels.txt --output=both/records

Without --annotations, --videos has a folder for each class, as in `gsf-tf prepare`.

Each class becomes two, `NAME` and `NAME_backward`. Both have the same pictures, to the byte, in
folders of JPEG files: those of the backward clip are numbered from the end. So no trace of a codec
tells the direction, and a model without temporal layers cannot be better than chance at it. Both
directions of a clip are in the same split. A run that was stopped continues.
"""

import os
import pathlib
import shutil

from absl import flags

from benchmarks.directions import BACKWARD
from gsf_tf import data
from gsf_tf.data.writing.clip_encoder import encode_clips
from gsf_tf.errors import VideoError
from trainers import cli

_VIDEOS = flags.DEFINE_string("videos", None, "Folder of the videos.", required=True)
_ANNOTATIONS = flags.DEFINE_string("annotations", None, "List of paths and labels.")
_VAL_ANNOTATIONS = flags.DEFINE_string("val_annotations", None, "The list of validation clips.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder for clips and lists.", required=True)
_SHORT_SIDE = flags.DEFINE_integer(
    "short_side", 256, "Larger frames are scaled down to this, in pixels."
)
_MAX_FRAMES = flags.DEFINE_integer(
    "max_frames", 64, "Thin longer clips to this many frames; 0 keeps all."
)
_VAL_FRACTION = flags.DEFINE_float(
    "val_fraction", 0.2, "Share of each class to validate on, where no split is given."
)
_WORKERS = flags.DEFINE_integer("workers", os.cpu_count(), "Decoding processes.", lower_bound=1)


def main(_):
    console = cli.console()
    listing = find_clips()
    settings = data.RecordSettings(short_side=_SHORT_SIDE.value, max_frames=_MAX_FRAMES.value)
    output = pathlib.Path(_OUTPUT.value)
    left_out = write_clips(listing.clips, output / "clips", settings, _WORKERS.value, console)
    write_lists(listing, output, {error.path for error in left_out})
    for error in left_out:
        console.print(f"Left out: {error}", markup=False)
    console.print(f"Wrote {len(listing.clips) - len(left_out)} clips in both directions: {output}")


def find_clips():
    """Lists the clips, each with its split."""
    if _ANNOTATIONS.value:
        listing = data.list_annotated_videos(
            _VIDEOS.value, _ANNOTATIONS.value, val_annotations=_VAL_ANNOTATIONS.value
        )
    else:
        listing = data.list_video_folder(_VIDEOS.value)
    if any(clip.split for clip in listing.clips):
        return listing
    return data.split_for_validation(listing, _VAL_FRACTION.value)


def write_clips(clips, folder, settings, workers, console):
    """Writes the frames of clips that are not there yet, in both directions.

    Args:
        clips: List of `ClipSource`.
        folder: Where they go; each clip gets a folder of its `data_path`.
        settings: `RecordSettings`.
        workers: Number of decoding processes.
        console: Console for the progress bar.

    Returns:
        List of `VideoError`, one for each clip that cannot be decoded.
    """
    missing = [clip for clip in clips if not (folder / clip.data_path).exists()]
    left_out = []
    with cli.progress(console) as progress:
        task = progress.add_task("Writing frames", total=len(missing), info="")
        for clip, encoded in encode_clips(missing, settings, workers):
            if isinstance(encoded, VideoError):
                left_out.append(encoded)
            else:
                _write_both(encoded.frames, folder / clip.data_path)
            progress.advance(task)
    return left_out


def _write_both(jpegs, folder):
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for direction in ("forward", "backward"):
        (part / direction).mkdir(parents=True)
    for index, jpeg in enumerate(jpegs):
        (part / "forward" / f"{index + 1:05d}.jpg").write_bytes(jpeg)
        (part / "backward" / f"{len(jpegs) - index:05d}.jpg").write_bytes(jpeg)
    part.rename(folder)


def write_lists(listing, output, left_out):
    """Writes `train.txt`, `val.txt` and `labels.txt`.

    Args:
        listing: `ClipListing` whose clips have splits.
        output: Folder of the lists.
        left_out: Paths of the clips that have no frames.
    """
    names = list(listing.labels)
    for split, clips in listing.by_split().items():
        lines = [
            f"{clip.data_path}/{direction}\t{names[clip.label]}{suffix}"
            for clip in clips
            if clip.path not in left_out
            for direction, suffix in (("forward", ""), ("backward", BACKWARD))
        ]
        (output / f"{split}.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    both = [name + suffix for name in names for suffix in ("", BACKWARD)]
    (output / "labels.txt").write_text("\n".join([*both, ""]), encoding="utf-8")


if __name__ == "__main__":
    cli.run(main)
