"""What `gsf-tf prepare` prints of clips and records, and the progress bar of writing them."""

import os

from rich.table import Table

from gsf_tf import data

from . import cli

# Longer lists are cut in what is printed; quarantine.jsonl has them whole.
_MAX_LINES = 20


def print_found(console, listing):
    """Prints how many clips were found, and which files are missing or ignored."""
    found = {split: len(clips) for split, clips in listing.by_split().items()}
    console.print(f"Found {sum(found.values())} clips of {len(listing.labels)} classes: {found}")
    if listing.kind == "images":
        console.print("Each clip is one image. (The frames of a clip must be in their own folder.)")
    for note in listing.notes:
        console.print(f"{note}.", markup=False)
    if listing.missing:
        first = ", ".join(clip.data_path for clip in listing.missing[:5])
        console.print(
            f"Missing: {len(listing.missing)} clips that the annotations list, such as {first}"
        )
    if listing.ignored:
        count = sum(listing.ignored.values())
        console.print(
            f"Ignored {count} files that are not clips by their extension: {listing.ignored}"
        )


def write_with_progress(
    console, listing, output, settings, *, workers, beam_options, overwrite, take_over
):
    """Writes the records under a progress bar that counts the clips left out.

    Args:
        console: Console for the bar.
        listing: `ClipListing`.
        output: Folder of the records.
        settings: `RecordSettings`.
        workers: Number of decoding processes.
        beam_options: Options of Apache Beam, or None to write on this machine.
        overwrite: Whether to replace what an earlier run has left.
        take_over: Whether to take the folder from another process that writes there.

    Returns:
        `DatasetInfo` of the records.
    """
    done, failed = 0, 0

    def advance(source, error):
        nonlocal done, failed
        done, failed = done + 1, failed + (error is not None)

    def show(progress):
        for task in progress.task_ids:
            progress.update(task, completed=done, info=f"{failed} quarantined")

    # Of a million clips that are finished already, drawing each would take 20 seconds.
    with cli.progress(console, before_refresh=show) as progress:
        progress.add_task("Writing records", total=len(listing.clips), info="")

        def print_plan(finished, total):
            if finished:
                console.print(f"Continuing: {finished} of {total} shards are finished already.")
            if beam_options is not None:
                console.print(f"Apache Beam writes {total - finished} shards.")

        return data.write_records(
            listing,
            output,
            settings,
            workers=workers,
            beam_options=beam_options,
            overwrite=overwrite,
            take_over=take_over,
            on_plan=print_plan,
            on_clip=advance,
        )


def print_summary(console, info, output):
    """Prints the counts of each split, the clips left out, and where everything is."""
    is_local = "://" not in output
    table = Table(title=f"Records in {os.path.abspath(output) if is_local else output}")
    table.add_column("")
    for split in info.splits:
        table.add_column(split, justify="right")
    # Records of an earlier version do not say all of it.
    for name, number in (
        ("expected (published)", lambda counts: counts.get("published") or "-"),
        ("found", lambda counts: counts.get("found", "-")),
        ("missing", lambda counts: counts.get("missing", "-")),
        ("quarantined", lambda counts: counts.get("quarantined", "-")),
        ("written", lambda counts: counts["clips"]),
        ("frames", lambda counts: counts["frames"]),
        ("shards", lambda counts: len(counts["shards"])),
        ("MB", lambda counts: f"{counts['bytes'] / 1e6:.1f}" if "bytes" in counts else "-"),
    ):
        table.add_row(name, *(str(number(counts)) for counts in info.splits.values()))
    console.print(table)
    if any(counts.get("missing") for counts in info.splits.values()):
        console.print(f"The missing clips are in {os.path.join(output, 'missing.txt')}")
    quarantined = data.read_quarantine(output)
    for clip in quarantined[:_MAX_LINES]:
        console.print(
            f"left out: {clip.path}: {clip.reason} ({clip.frames_decoded} frames decoded)"
        )
    if quarantined:
        path = os.path.join(output, "quarantine.jsonl")
        console.print(f"All {len(quarantined)} clips left out are in {path}")
    console.print("Next: gsf-tf train --help")
