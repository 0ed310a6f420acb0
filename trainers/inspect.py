"""Says what is in records, and draws some of their clips.

  python -m trainers.inspect records
  python -m trainers.inspect s3://bucket/records --sheet=sheet.png --json=report.json

Reads every record once and decodes every frame. Prints for each split the clips, frames and
classes; the sizes and frame rates; clips that are there twice; clips that are in two splits (a
leak: what is to be tested on was trained on), both by the SHA-256 of their frames. The picture
shows --sample clips, a row each.

A damaged record does not stop it: each is listed with its shard, number, byte and reason, and the
rest of the report is of the whole ones. --nodecode is several times faster, and finds only what
contradicts a checksum: what a disk or a copy has damaged.

The exit status is 1 when a record is damaged or a shard is missing, when the records contradict
dataset_info.json, or when a clip is in two splits.
"""

import json
import os

import numpy as np
from absl import app, flags
from rich.table import Table

from gsf_tf.data import DatasetInfo, contact_sheet, inspect_records
from gsf_tf.errors import UserError
from trainers import cli

_SHEET = flags.DEFINE_string("sheet", "contact_sheet.png", "Picture to write; empty for none.")
_SAMPLE = flags.DEFINE_integer("sample", 12, "Clips in the picture.", 1, 1000)
_SEED = flags.DEFINE_integer("seed", 0, "Another seed draws other clips.")
_DECODE = flags.DEFINE_bool("decode", True, "Decode all frames, to find damage inside of records.")
_JSON = flags.DEFINE_string("json", None, "File for all counts, as JSON.")

# Longer lists are cut in what is printed; --json has them whole.
_MAX_LINES = 20


def main(argv):
    if len(argv) != 2:
        raise app.UsageError("Give the folder of the records, and nothing else beside flags.")
    records = argv[1]
    for path in filter(None, (_SHEET.value, _JSON.value)):
        if not os.path.isdir(os.path.dirname(path) or "."):
            raise UserError(
                f"A file must go to a folder that is there. Received `{path}`. Make the folder."
            )

    # ---- Read ---------------------------------------------------------------------------------
    console = cli.console()
    info = DatasetInfo.load(records)
    with cli.progress(console) as progress:
        total = sum(map(info.num_clips, info.splits))
        task = progress.add_task("Reading records", total=total, info="")
        report = inspect_records(
            records,
            sample=_SAMPLE.value,
            seed=_SEED.value,
            decode=_DECODE.value,
            on_clip=lambda: progress.advance(task),
        )

    # ---- Say ----------------------------------------------------------------------------------
    console.print(splits_table(records, report))
    print_common(console, "Height x width", report.as_dict()["shapes"])
    print_common(console, "Frames per second", report.as_dict()["frame_rates"])
    console.print(labels_table(report))
    print_groups(console, "in one split more than once", report.duplicates)
    print_groups(console, "in more than one split (a leak)", report.leaks)
    for split, damage in report.damage.items():
        if damage:
            console.print(f"Damage in {split}, clips missing by it: {report.missing[split]}")
            print_lines(console, "  ", damage)
    print_lines(console, "Problem: ", report.problems)
    if _SHEET.value and report.sample:
        contact_sheet(report.sample).save(_SHEET.value)
        console.print(f"Wrote {_SHEET.value}")
    if _JSON.value:
        with open(_JSON.value, "w", encoding="utf-8") as file:
            json.dump({"records": records, **report.as_dict()}, file, indent=2, ensure_ascii=False)
        console.print(f"Wrote {_JSON.value}")
    return int(bool(report.leaks or report.problems or any(report.damage.values())))


def splits_table(records, report):
    table = Table(title=f"Records in {records}")
    table.add_column("")
    for split in report.clips:
        table.add_column(split, justify="right")
    lengths = {
        split: np.repeat(list(counts.keys()), list(counts.values()))
        for split, counts in report.frames.items()
    }
    for name, number in (
        ("clips", lambda split: report.clips[split]),
        ("classes", lambda split: len(report.label_counts[split])),
        ("frames", lambda split: int(lengths[split].sum())),
        ("frames per clip, least", lambda split: int(lengths[split].min())),
        ("median", lambda split: f"{np.median(lengths[split]):g}"),
        ("most", lambda split: int(lengths[split].max())),
    ):
        table.add_row(
            name, *(str(number(split)) if report.clips[split] else "-" for split in report.clips)
        )
    return table


def labels_table(report):
    """The classes from the most to the fewest clips; of many, both ends."""
    totals = {
        index: sum(counts[index] for counts in report.label_counts.values())
        for index in range(len(report.labels))
    }
    order = sorted(totals, key=lambda index: (-totals[index], index))
    table = Table(title=f"Clips per class, {len(order)} classes")
    for name in ("index", "class", *report.clips):
        table.add_column(name, justify="left" if name == "class" else "right")
    half = _MAX_LINES // 2
    shown = order if len(order) <= _MAX_LINES else [*order[:half], None, *order[-half:]]
    for index in shown:
        if index is None:
            table.add_row("...", f"{len(order) - 2 * half} more", *("" for _ in report.clips))
            continue
        counts = (str(counts[index]) for counts in report.label_counts.values())
        table.add_row(str(index), report.labels[index], *counts)
    return table


def print_common(console, title, counts):
    common = [f"{value} ({count})" for value, count in list(counts.items())[:8]]
    rest = f" and {len(counts) - 8} more" if len(counts) > 8 else ""
    console.print(f"{title}: {', '.join(common)}{rest}")


def print_groups(console, what, groups):
    console.print(f"Clips that are {what}: {len(groups) or 'none'}")
    lines = ["   =   ".join(f"{split} {name}" for split, name in group) for group in groups]
    print_lines(console, "  ", lines)


def print_lines(console, start, lines):
    for line in lines[:_MAX_LINES]:
        console.print(f"{start}{line}")
    if len(lines) > _MAX_LINES:
        console.print(f"  and {len(lines) - _MAX_LINES} more (--json)")


if __name__ == "__main__":
    cli.run(main)
