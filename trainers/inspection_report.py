"""What `gsf-tf inspect` prints of records."""

import numpy as np
from rich.table import Table

# Longer lists are cut in what is printed; --json has them whole.
_MAX_LINES = 20


def print_report(console, records, report):
    """Prints counts, sizes, classes, clips that are in the records twice, and damage."""
    console.print(splits_table(records, report))
    print_common(console, "Height x width", report.as_dict()["shapes"])
    print_common(console, "Frames per second", report.as_dict()["frame_rates"])
    console.print(labels_table(report))
    print_groups(console, "in one split more than once", report.duplicates)
    print_groups(console, "in more than one split (a leak)", report.leaks)
    for split, damage in report.damage.items():
        if damage:
            console.print(f"Damage in {split}, clips lost to it: {report.missing[split]}")
            print_lines(console, "  ", damage)
    print_lines(console, "Problem: ", report.problems)


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
