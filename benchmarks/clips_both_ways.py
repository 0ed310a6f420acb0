"""Writes each clip forward and backward, as folders of frames and lists that `prepare` reads."""

import dataclasses
import json
import os
import shutil

from benchmarks.directions import BACKWARD
from gsf_tf.data.writing.clip_encoder import encode_clips
from gsf_tf.errors import DataError, VideoError
from trainers import cli

BOTH = ("forward", "backward")


def check_names(listing):
    """Checks that classes and clips have names that folders and lists can hold.

    Raises:
        DataError: If a class is the backward one of another, a name is not read back from a list as
            it is, or the path of a clip leads out of the folder of the videos.
    """
    names = list(listing.labels)
    for name in names:
        if name + BACKWARD in names:
            raise DataError(
                f"The names of classes must not be those of others and `{BACKWARD}`. Received: "
                f"{name!r} and {name + BACKWARD!r}. Rename one of them."
            )
    for name in (*names, *(clip.data_path for clip in listing.clips)):
        if name != name.strip() or name.startswith(('"', "#")) or {*"\t\n\r"} & {*name}:
            raise DataError(
                "Names of classes and paths of clips must have no tab, no line break, no space at "
                f"their ends, and no quote or # at their beginning. Received: {name!r}. Rename it."
            )
    for clip in listing.clips:
        if os.path.isabs(clip.data_path) or ".." in clip.data_path.split("/"):
            raise DataError(
                "The paths of clips must lie below the folder of the videos. Received: "
                f"{clip.data_path!r}. Give a folder that holds all of them as --videos."
            )


def check_settings(output, settings):
    """Checks that clips of an earlier call have the same settings, and notes them.

    Raises:
        DataError: If they have others.
    """
    file = output / "settings.json"
    wanted = dataclasses.asdict(settings)
    if not file.exists():
        output.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(wanted), encoding="utf-8")
    elif json.loads(file.read_text(encoding="utf-8")) != wanted:
        raise DataError(
            "The output must hold clips of the same settings. Received: "
            f"short_side={settings.short_side}, max_frames={settings.max_frames}; {file} has "
            "others. Name another --output, or remove this one."
        )


def write_clips(clips, output, settings, workers, console):
    """Writes the frames of clips that are not there yet, in both directions.

    Args:
        clips: List of `ClipSource`.
        output: Each clip gets the folder `clips/` and its `data_path` in it.
        settings: `RecordSettings`.
        workers: Number of decoding processes.
        console: Console for the progress bar.

    Returns:
        Dictionary from the `data_path` of each clip that is left out to its `VideoError`.
    """
    missing = [clip for clip in clips if not (output / "clips" / clip.data_path / BOTH[1]).exists()]
    left_out = {}
    with cli.progress(console) as progress:
        task = progress.add_task("Writing frames", total=len(missing), info="")
        for clip, encoded in encode_clips(missing, settings, workers):
            if isinstance(encoded, VideoError):
                left_out[clip.data_path] = encoded
            elif len(encoded.frames) < 2:
                reason = "it has one frame, which is the same in both directions"
                left_out[clip.data_path] = VideoError(clip.path, reason)
            else:
                _write_both(encoded.frames, output / "clips" / clip.data_path, output / "part")
            progress.advance(task)
    return left_out


def _write_both(jpegs, folder, part):
    """Writes both folders of a clip; each gets its name when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for direction, ordered in zip(BOTH, (jpegs, jpegs[::-1]), strict=True):
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(folder / direction, ignore_errors=True)
        part.mkdir()
        for index, jpeg in enumerate(ordered, start=1):
            (part / f"{index:05d}.jpg").write_bytes(jpeg)
        part.rename(folder / direction)


def write_lists(listing, output, left_out):
    """Writes a list for each split, such as `train.txt`, and `labels.txt`.

    Args:
        listing: `ClipListing` whose clips have splits.
        output: Folder of the lists.
        left_out: The `data_path`s of clips that have no frames.
    """
    names = list(listing.labels)
    for split, clips in listing.by_split().items():
        lines = [
            f"{clip.data_path}/{direction}\t{names[clip.label]}{suffix}"
            for clip in clips
            if clip.data_path not in left_out
            for direction, suffix in zip(BOTH, ("", BACKWARD), strict=True)
        ]
        (output / f"{split}.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    both = [name + suffix for name in names for suffix in ("", BACKWARD)]
    (output / "labels.txt").write_text("\n".join([*both, ""]), encoding="utf-8")
