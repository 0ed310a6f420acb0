"""One table of all presets: counts, the papers' top-1, configurations, weights to start from.

  python -m benchmarks.model_zoo
  python -m benchmarks.model_zoo --docs=docs/model_zoo.md

Builds every preset and counts it as the papers do (`gsf_tf.analysis`). The papers' results and the
names of the configurations are those of the tables in `configs/`. About three minutes on two cores;
nothing is downloaded or trained.
"""

import re

from absl import flags

from benchmarks.docs_flag import DOCS
from benchmarks.paper_rows import count
from benchmarks.speed_report import markdown_table, replace_section
from configs import controls, gsf, rubiksnet
from gsf_tf.evaluation.protocol import PROTOCOLS
from gsf_tf.models import list_presets
from gsf_tf.models.preset_names import split_preset
from gsf_tf.models.pretrained import imagenet_source
from trainers import cli

flags.declare_key_flag("docs")

SECTION = "model_zoo"
HEADER = (
    "Preset",
    "Parameters",
    "MACs",
    "Input",
    "SSv1 top-1",
    "SSv2 top-1",
    "Configuration",
    "ImageNet weights",
)
LEFT = (0, 6, 7)
NUM_SEGMENTS = 8
DATASETS = ("ssv1", "ssv2")
# The tables of `configs/`, and what a row's name lacks of its preset's.
TABLES = {
    "gsf": (gsf.ROWS, "gsf_"),
    "controls": (controls.ROWS, ""),
    "rubiksnet": (rubiksnet.ROWS, "rubiksnet_"),
}
NONE = "-"


def main(_):
    console = cli.console()
    presets, rows = list_presets(), []
    with cli.progress(console) as progress:
        task = progress.add_task("Building and counting", total=len(presets), info="")
        for preset in presets:
            progress.update(task, info=preset)
            rows.append(zoo_row(preset))
            progress.advance(task)
    table = markdown_table(HEADER, rows, LEFT)
    print(table)
    if DOCS.value:
        replace_section(DOCS.value, SECTION, table)


def zoo_row(preset):
    """Returns the cells of a preset, as text."""
    counts = count(preset, num_segments=NUM_SEGMENTS)
    experiments = {dataset: find_rows(preset, dataset) for dataset in DATASETS}
    names = [next(iter(rows)) for rows in experiments.values() if rows]
    names = names or list(find_rows(preset, ""))[:1] or [own_configuration(preset)]
    return (
        f"`{preset}`",
        f"{counts.parameters / 1e6:.2f} M",
        f"{counts.macs / 1e9:.2f} G",
        f"{NUM_SEGMENTS} x {counts.image_size}",
        *(published(rows) for rows in experiments.values()),
        "<br>".join(f"`{name}`" for name in names),
        imagenet_weights(preset),
    )


def find_rows(preset, dataset):
    """Returns the rows of `configs/` on a dataset by their names; those with 8 frames first.

    Args:
        preset: Name of the preset.
        dataset: Name of the dataset; "" for any.
    """
    experiment = re.compile(rf"{preset}_{dataset or '[^_]+'}(_[0-9]+f)?")
    return {
        f"{table}:{name}": row
        for table, (rows, missing) in TABLES.items()
        for name, row in sorted(rows.items(), key=lambda item: not item[0].endswith("_8f"))
        if experiment.fullmatch(f"{missing}{name}")
    }


def published(rows):
    """Returns the result of the first row that a paper has: top-1, table, and what is unusual."""
    for name, row in rows.items():
        if row.top1:
            protocol, top1 = next(iter(row.top1.items()))
            paper, _, number = row.source.partition(" paper, Table ")
            details = [f"{paper} {number}"]
            if protocol != "efficiency":
                details.append("{} x {}".format(*PROTOCOLS[protocol]))
            if not name.endswith("_8f"):
                details.append(f"{name.rsplit('_', 1)[1].removesuffix('f')} frames")
            return f"{top1} ({', '.join(details)})"
    return NONE


def own_configuration(preset):
    """Returns the configuration that trains a preset which no paper has."""
    if preset.startswith("rubiksnet_"):
        return f"demo_rubiksnet:{preset}"
    return f"demo:{preset}" if "_resnet14thin" in preset else f"folder:{preset}"


def imagenet_weights(preset):
    """Returns where the weights come from that training starts with."""
    if preset.startswith("rubiksnet_"):
        images = f"{preset.removeprefix('rubiksnet_').removesuffix('_aq')}_imagenet"
        return f"train `rubiksnet:{images}`" if images in rubiksnet.ROWS else NONE
    return imagenet_source(split_preset(preset)[1].removesuffix("_ms")) or NONE


if __name__ == "__main__":
    cli.run(main)
