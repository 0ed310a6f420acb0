"""The tables of docs/experiments.md, from the rows of configs/gsf.py, rubiksnet.py and controls.py.

  python -m benchmarks.experiment_tables --docs=docs/experiments.md

Builds the model of every experiment to count its parameters, and replaces the tables of the file.
Without --docs the tables go to the terminal. About two minutes on two cores; nothing is downloaded
or trained.
"""

import importlib

from absl import flags

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
HEADER = "| configuration | parameters | top-1 in % (clips x crops) | source |\n|---|---|---|---|"


def main(_):
    console = cli.console()
    tables = {name: rows(name) for name in FILES}
    with cli.progress(console) as progress:
        bar = progress.add_task("Counting", total=sum(map(len, tables.values())), info="")
        for name, table in tables.items():
            parameters = {}
            for row in table:
                progress.update(bar, info=f"{name}:{row}")
                parameters[row] = millions(name, row)
                progress.advance(bar)
            text = markdown(name, parameters)
            if DOCS.value:
                replace_section(DOCS.value, name, text)
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


def _top1(paper):
    views = {protocol: f"({clips} x {crops})" for protocol, (clips, crops) in PROTOCOLS.items()}
    return ", ".join(f"{top1} {views[name]}" for name, top1 in paper.top1.items()) or "-"


def _source(paper):
    return "; ".join(filter(None, (paper.source, paper.note)))


if __name__ == "__main__":
    cli.run(main)
