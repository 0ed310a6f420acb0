"""The tables of docs/experiments.md, from the rows of configs/gsf.py, rubiksnet.py and controls.py.

  python -m benchmarks.experiment_tables --docs=docs/experiments.md

Builds the model of every experiment to count its parameters, and replaces the tables of the file,
also that of all rows of the papers (`accuracy_rows.py`). Without --docs the tables go to the
terminal. About two minutes on two cores; nothing is downloaded or trained.
"""

import importlib

from absl import flags

from benchmarks.accuracy_rows import OTHERS, ROWS
from benchmarks.docs_flag import DOCS
from benchmarks.speed_report import replace_section
from gsf_tf.analysis import count_parameters
from gsf_tf.evaluation.protocol import PROTOCOLS
from gsf_tf.models import from_preset
from trainers import cli

flags.declare_key_flag("docs")

FILES = ("gsf", "rubiksnet", "controls")
NUM_CLASSES = {
    "ssv1": 174,
    "ssv2": 174,
    "kinetics400": 400,
    "diving48": 48,
    "epic100": {"verb": 97, "noun": 300, "action": 3806},
    "ucf101": 101,
    "hmdb51": 51,
    "imagenet": 1000,
}
EVERY_ROW = "every_row"
STATE = "not trained here"
HEADER = "| configuration | parameters | top-1 in % (clips x crops) | source |\n|---|---|---|---|"


def main(_):
    console = cli.console()
    write(console, EVERY_ROW, every_row())
    tables = {name: rows(name) for name in FILES}
    with cli.progress(console) as progress:
        bar = progress.add_task("Counting", total=sum(map(len, tables.values())), info="")
        for name, table in tables.items():
            parameters = {}
            for row in table:
                progress.update(bar, info=f"{name}:{row}")
                parameters[row] = millions(name, row)
                progress.advance(bar)
            write(console, name, markdown(name, parameters))


def write(console, section, text):
    """Puts a table into the page, or prints it where no page was given."""
    if DOCS.value:
        replace_section(DOCS.value, section, text)
    else:
        console.print(f"\n{text}")


def rows(name):
    """Returns the rows of a file in `configs/`."""
    return importlib.import_module(f"configs.{name}").ROWS


def millions(name, row):
    """Returns the number of trainable parameters of a row's model as the table prints it."""
    config = importlib.import_module(f"configs.{name}").get_config(row)
    model = from_preset(
        config.model.preset,
        NUM_CLASSES[config.data.records.removeprefix("records/")],
        num_segments=config.model.num_segments,
    )
    return f"{count_parameters(model) / 1e6:.2f} M"


def markdown(name, parameters):
    """Returns the table of a file in `configs/`.

    Args:
        name: Name of the file.
        parameters: Number of parameters of each row, as text.
    """
    lines = [
        f"| `{name}:{row}` | {parameters[row]} | {_top1(paper)} | {_source(paper)} |"
        for row, paper in rows(name).items()
    ]
    return "\n".join([HEADER, *lines])


def every_row():
    """Returns the table of all rows of accuracy in both papers, and the methods without one."""
    header = ("table", "row", "paper's top-1 in %", "`--config`", "`--protocol`", "state")
    lines = [
        (_table(row.table), row.name, row.top1, f"`{row.configuration}`", row.protocol, STATE)
        for row in ROWS
    ]
    others = [f"- {_table(table)}: {methods}" for table, methods in OTHERS.items()]
    return "\n".join(
        [
            *("| " + " | ".join(map(str, cells)) + " |" for cells in (header, ["---"] * 6, *lines)),
            "",
            "The tables quote further methods, which are not built here:",
            "",
            *others,
        ]
    )


def _table(number):
    return f"RubiksNet {number.removeprefix('R')}" if number.startswith("R") else f"GSF {number}"


def _top1(paper):
    views = {protocol: f"({clips} x {crops})" for protocol, (clips, crops) in PROTOCOLS.items()}
    return ", ".join(f"{top1} {views[name]}" for name, top1 in paper.top1.items()) or "-"


def _source(paper):
    tasks = ", ".join(f"{task} {top1}" for task, top1 in paper.tasks.items())
    also = [f"also {row.source}: {_top1(row)}" for row in paper.also]
    return "; ".join(filter(None, (paper.source, tasks, *also, paper.note)))


if __name__ == "__main__":
    cli.run(main)
