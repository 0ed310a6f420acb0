"""A list of a million clips: the plan of `prepare`; and a dataset of ten thousand shards.

  python -m benchmarks.big_lists
  python -m benchmarks.big_lists --clips=10000 --shards=100

The list names a million files in a thousand folders, which are links to a few empty files, so they
take little of the disk. Measured, each in a process of its own, with the peak of its memory:

  list       only reading the file's lines and asking the system for the size of each file
  plan       everything that `prepare` does before it decodes the first clip
  continue   the same command again, when all shards were finished but the description of the folder
  open       from the paths of the shards (of two clips of 64 pixels) to the first batch of training
  open, no description    the same without dataset_info.json
  one shard  the same of a folder with one shard: what of that does not depend on the shards

The seconds are by the clock, and begin with the import of gsf_tf.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import pathlib
import resource
import tempfile
import time

from absl import flags

from benchmarks.speed_report import markdown_table
from trainers import cli

_CLIPS = flags.DEFINE_integer("clips", 1_000_000, "Clips of the list.", lower_bound=2000)
_SHARDS = flags.DEFINE_integer("shards", 10_000, "Shards of the dataset.", lower_bound=1)
_FOLDER = flags.DEFINE_string(
    "folder", None, "Where to make the files; by default a temporary one."
)

CLASSES = 1000
CLIPS_PER_SHARD = 100
# A file system has a limit of the links to one file, 65,000 in ext4.
LINKS = 50_000
GOALS = {"plan": (60, 1000), "open": (10, None)}


# ---- What is measured ---------------------------------------------------------------------------


def read_list(folder):
    """Reads the lines of the list and the sizes of its files."""
    sizes = 0
    with open(folder / "list.txt", encoding="utf-8") as file:
        for line in file:
            sizes += os.stat(folder / "videos" / line.split(" ")[0]).st_size
    assert sizes == 0


def plan(folder):
    """Does what `gsf-tf prepare` does before the first clip."""

    class Planned(Exception):
        pass

    def stop(finished, total):
        raise Planned

    from gsf_tf.data import write_records

    listing, output, settings = find(folder)
    try:
        write_records(listing, output, settings, on_plan=stop)
    except Planned:
        return
    raise AssertionError("`write_records` must call `on_plan`.")


def find(folder):
    """Lists the clips and looks for records of an earlier run, as `gsf-tf prepare` does."""
    from gsf_tf import data

    listing = data.list_annotated_videos(folder / "videos", folder / "list.txt")
    listing = data.split_for_validation(listing, 0.2)
    output, settings = str(folder / "planned"), data.RecordSettings(clips_per_shard=CLIPS_PER_SHARD)
    assert data.find_complete_records(listing, output, settings) is None
    return listing, output, settings


def continue_run(folder):
    """Continues a run in which only the description of the folder was not written."""
    from trainers.prepare_report import write_with_progress

    listing, output, settings = find(folder)
    options = {"workers": 1, "beam_options": None, "overwrite": False, "take_over": False}
    info = write_with_progress(cli.console(stderr=True), listing, output, settings, **options)
    assert sum(split["clips"] for split in info.splits.values()) == len(listing.clips)


def open_shards(folder):
    """Opens a folder of records and takes a batch."""
    from gsf_tf.data import video_dataset_from_records

    dataset = video_dataset_from_records(
        str(folder / "train-*.tfrecord"), 8, 8, image_size=64, training=True, epoch=0
    )
    for clips, _ in dataset.take(1):
        assert clips.shape == (8, 8, 64, 64, 3)


# ---- The files ----------------------------------------------------------------------------------


def make_list(folder, count):
    """Makes a list, and its files as links."""
    for number in range(CLASSES):
        (folder / "videos" / f"class_{number:03d}").mkdir(parents=True)
    lines = []
    for number in range(count):
        name = f"class_{number % CLASSES:03d}/clip_{number:08d}.mp4"
        if number % LINKS == 0:
            source = folder / f"empty_{number // LINKS}"
            source.touch()
        os.link(source, folder / "videos" / name)
        lines.append(f"{name} class_{number % CLASSES:03d}\n")
    (folder / "list.txt").write_text("".join(lines))


def finish_shards(folder):
    """Makes empty shards with notes that they are finished."""
    from gsf_tf.data.writing.finished_shard import FinishedShard
    from gsf_tf.data.writing.record_plan import RecordPlan

    listing, output, _ = find(folder)
    plan_of_run = RecordPlan.load(output)
    for shard in plan_of_run.shards(listing):
        pathlib.Path(output, shard.name).touch()
        counts = {"clips": len(shard.clips), "frames": 0, "record_bytes": 0, "file_bytes": 0}
        FinishedShard(
            shard.name, shard.split, plan_of_run.fingerprint, **counts, quarantined=()
        ).save(output)


def make_shards(folder, count):
    """Makes records of ten thousand small shards, of one, and of ten thousand not described."""
    import numpy as np

    from gsf_tf import data
    from gsf_tf.data.demo_clips import render_clip, write_video

    for name in ("a", "b"):
        (folder / "clips" / name).mkdir(parents=True)
        write_video(
            folder / "clips" / name / "0.mp4",
            render_clip("moving_left", np.random.default_rng(0))[:8],
        )
    listing = data.split_for_validation(data.list_video_folder(folder / "clips"), 0.0)
    one = folder / "one"
    info = data.write_records(listing, str(one), data.RecordSettings(short_side=64))
    (name,) = info.splits["train"]["shards"]
    for many in ("many", "plain"):
        (folder / many).mkdir()
        (folder / many / "labels.txt").write_bytes((one / "labels.txt").read_bytes())
    shards = [f"train-{n:05d}-of-{count:05d}.tfrecord" for n in range(count)]
    content = (one / name).read_bytes()
    for shard in shards:
        (folder / "many" / shard).write_bytes(content)
        os.link(folder / "many" / shard, folder / "plain" / shard)
    split = info.splits["train"]
    counts = {key: split[key] * len(shards) for key in ("found", "clips", "frames", "bytes")}
    split = {**split, **counts, "shards": dict.fromkeys(shards, split["clips"])}
    dataclasses.replace(info, splits={"train": split}).save(str(folder / "many"))


# ---- Measuring ----------------------------------------------------------------------------------


def measure(function, *arguments):
    """Returns the seconds and the peak memory in MB of a function in a new process."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_timed, function, *arguments).result()


def _timed(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main(_):
    rows = []

    def add_row(name, function, folder):
        seconds, megabytes = measure(function, folder)
        limit, most = GOALS.get(name, (None, None))
        goal = ", ".join(filter(None, [limit and f"< {limit:g} s", most and f"< {most} MB"]))
        rows.append([name, f"{seconds:.1f}", f"{megabytes:.0f}", goal or "-"])
        print(f"{name}: {seconds:.1f} s, {megabytes:.0f} MB", flush=True)

    with tempfile.TemporaryDirectory(dir=_FOLDER.value, prefix="big_lists-") as folder:
        folder = pathlib.Path(folder)
        make_list(folder, _CLIPS.value)
        add_row("list", read_list, folder)
        add_row("plan", plan, folder)
        measure(finish_shards, folder)
        add_row("continue", continue_run, folder)
        measure(make_shards, folder, _SHARDS.value)
        add_row("open", open_shards, folder / "many")
        add_row("open, no description", open_shards, folder / "plain")
        add_row("one shard", open_shards, folder / "one")
    print(markdown_table(["what", "seconds", "MB", "goal"], rows))


if __name__ == "__main__":
    cli.run(main)
