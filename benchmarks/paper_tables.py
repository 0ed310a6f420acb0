"""Parameters and multiply-accumulates of both papers' models: paper, ours, difference.

  python -m benchmarks.paper_tables
  python -m benchmarks.paper_tables --table=4 --csv=table4.csv

Builds every row of the GSF paper's Tables 1-4 and 6-8 and the RubiksNet paper's Tables 1 to 3
(`--table=R1`) that is in `paper_rows.py` and counts it as the papers do
(`gsf_tf.analysis.count_macs`, convention "paper"). Parameters in millions, multiply-accumulates per
clip in G; "=" where they agree in every digit that the paper prints. About five minutes on two
cores; nothing is downloaded or trained.
"""

import csv
import itertools

import rich.box
import rich.table
from absl import flags

from benchmarks.paper_rows import ROWS, count, difference
from trainers import cli

_TABLE = flags.DEFINE_enum(
    "table",
    None,
    sorted({row.table for row in ROWS}),
    "Only this table; R1 for the RubiksNet paper's, '-' for further rows.",
)
_CSV = flags.DEFINE_string("csv", None, "File to write the rows to as well, with exact counts.")

TITLES = {
    "1": "Branch of BN-Inception that has GSF, and after which of its layers (our choice for 1-3)",
    "2": "Share of channels, BN-Inception",
    "3": "Place in the bottleneck, ResNet-50 with all channels",
    "4": "Share of channels, ResNet-50",
    "6": "Number of GSF modules, BN-Inception",
    "7": "Number of GSF modules, ResNet-50",
    "8": "Comparison on Something-Something",
    "-": "Further models and counts",
    "R1": "Something-Something-v2, RubiksNet paper",
    "R2": "Something-Something-v1, RubiksNet paper",
    "R3": "UCF-101 and HMDB-51, RubiksNet paper",
}
COLUMNS = ("params", "ours", "diff", "MACs", "ours", "diff", "conv+lin")
WIDTH = 96


def main(_):
    rows = [row for row in ROWS if _TABLE.value in (None, row.table)]
    console = cli.console()
    counted = []
    with cli.progress(console) as progress:
        task = progress.add_task("Building and counting", total=len(rows), info="")
        for row in rows:
            progress.update(task, info=row.name)
            counted.append((row, count(row.preset, **row.arguments)))
            progress.advance(task)

    console.width = max(console.width, WIDTH)
    for number, group in itertools.groupby(counted, key=lambda pair: pair[0].table):
        title = TITLES[number] if number == "-" else f"Table {number.lstrip('R')}: {TITLES[number]}"
        table = rich.table.Table("", box=rich.box.MARKDOWN)
        for column in COLUMNS:
            table.add_column(column, justify="right", no_wrap=True)
        notes = []
        for row, counts in group:
            table.add_row(row.name, *cells(row, counts))
            if row.note:
                notes.append(f"{row.name}: {row.note}.")
        console.print(f"## {title}", table, *notes, sep="\n", end="\n\n")
    if _CSV.value:
        write_csv(counted)
        console.print(f"Rows are in {_CSV.value}")


def cells(row, counts):
    """The cells between a row's name and its note, as text."""
    millions, billions = counts.parameters / 1e6, counts.macs / 1e9
    return (
        *(row.parameters, f"{millions:.4f}", difference(row.parameters, millions)),
        *(row.macs, f"{billions:.3f}", difference(row.macs, billions)),
        f"{counts.conv_linear_macs / 1e9:.3f}",
    )


def write_csv(counted):
    header = ("table", "row", "preset", "arguments", "paper_parameters_m", "parameters")
    header += ("paper_macs_g", "macs", "conv_linear_macs", "note")
    with open(_CSV.value, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row, counts in counted:
            arguments = " ".join(f"{name}={value}" for name, value in row.arguments.items())
            writer.writerow(
                (row.table, row.name, row.preset, arguments, row.parameters, counts.parameters)
                + (row.macs, counts.macs, counts.conv_linear_macs, row.note)
            )


if __name__ == "__main__":
    cli.run(main)
