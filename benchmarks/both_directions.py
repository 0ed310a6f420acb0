"""Each clip forward and backward: does a model see the order of the frames in real videos?

    python -m benchmarks.both_directions --videos=ucf101_3 --annotations=ucf101_3/train.txt \\
        --val_annotations=ucf101_3/val.txt --output=both
    gsf-tf prepare --videos=both/clips --annotations=both/train.txt \\
        --val_annotations=both/val.txt --labels=both/labels.txt --output=both/records

Without --annotations, --videos has a folder for each class, as in `gsf-tf prepare`.

Each class becomes two, `NAME` and `NAME_backward`. Both have the same pictures, to the byte, in
folders of JPEG files: those of the backward clip are numbered from the end. So no trace of a codec
tells the direction, and a model without temporal layers has next to nothing to tell it by (frames
are sampled from slightly other places). Both directions of a clip are in the same split. Clips that
cannot be decoded or have a single frame are named and left out. A run that was stopped continues
with the same flags.
"""

import os
import pathlib

from absl import flags

from benchmarks.clips_both_ways import check_names, check_settings, write_clips, write_lists
from gsf_tf import data
from trainers import cli
from trainers.validation_part import with_validation_part

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


def main(argv):
    if len(argv) > 1:
        raise cli.FlagError(f"Everything must be given as a flag. Received: {argv[1:]}.")
    console = cli.console()
    listing = find_clips()
    for note in listing.notes:
        console.print(f"{note}.", markup=False)
    check_names(listing)
    settings = data.RecordSettings(short_side=_SHORT_SIDE.value, max_frames=_MAX_FRAMES.value)
    output = pathlib.Path(_OUTPUT.value)
    check_settings(output, settings)
    left_out = write_clips(listing.clips, output, settings, _WORKERS.value, console)
    write_lists(listing, output, left_out)
    for error in left_out.values():
        console.print(f"Left out: {error}", markup=False)
    console.print(f"Wrote {len(listing.clips) - len(left_out)} clips in both directions: {output}")


def find_clips():
    """Lists the clips, each with its split."""
    if _VAL_ANNOTATIONS.value and not _ANNOTATIONS.value:
        raise cli.FlagError(
            "--val_annotations must come with --annotations. Received: "
            f"--val_annotations={_VAL_ANNOTATIONS.value} alone."
        )
    if _ANNOTATIONS.value:
        listing = data.list_annotated_videos(
            _VIDEOS.value, _ANNOTATIONS.value, val_annotations=_VAL_ANNOTATIONS.value
        )
    else:
        listing = data.list_video_folder(_VIDEOS.value)
    return with_validation_part(listing, _VAL_FRACTION)


if __name__ == "__main__":
    cli.run(main)
