"""The runs behind the rows of benchmarks.real_videos."""

import json

from benchmarks.demo_runs import Variant, workdir
from trainers import cli

METHODS = ("tsn", "tsm", "gsm", "gsf")
STARTS = ("scratch", "paper")


def variant(row, backbone, image_size, extra=()):
    """Returns the runs of a row of the table.

    Args:
        row: `METHOD` or `METHOD:START`.
        backbone: Name of a backbone.
        image_size: Pixels.
        extra: Further flags of `gsf-tf train`.
    """
    method, _, start = row.partition(":")
    config = f"configs/folder.py:{method}_{backbone}"
    if method not in METHODS or row not in (method, *(f"{method}:{start}" for start in STARTS)):
        raise cli.FlagError(
            f"--methods must name {', '.join(METHODS)}, alone or with :{' or :'.join(STARTS)}. "
            f"Received: --methods={row!r}."
        )
    flags_of_row = [f"--config.model.image_size={image_size}", "--config.estimate_steps=0"]
    if start == "scratch":
        config += ",scratch"
        flags_of_row.append("--config.warmup_epochs=1")
    else:
        flags_of_row += ["--config.warmup_epochs=2", "--config.freeze_backbone_epochs=1"]
    if start == "paper":
        flags_of_row.append("--config.model.start=paper")
    return Variant(row.replace(":", "_"), config, (*flags_of_row, *extra))


def minutes(folder):
    """Returns the minutes of the training steps of a run, without validation."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    config = json.loads((folder / "config.json").read_text())
    clips_per_step = config["data"]["batch_size"] * config["optimizer"]["accumulate_steps"]
    last, seconds = 0, 0.0
    for line in lines:
        # An epoch that was continued behind its last step has no pace.
        if line["clips_per_second"]:
            seconds += (line["step"] - last) * clips_per_step / line["clips_per_second"]
        last = line["step"]
    return seconds / 60


def check_runs(output, rows, seeds, epochs):
    """Checks that runs of an earlier call are those that are asked for now.

    Args:
        output: Folder of the runs.
        rows: List of `Variant`.
        seeds: Seeds of training.
        epochs: Dictionary from the name of a row to its epochs.

    Raises:
        FlagError: If a run has another network, size or number of epochs.
    """
    for row in rows:
        (size,) = (flag for flag in row.flags if flag.startswith("--config.model.image_size="))
        preset = row.config.partition(":")[2].partition(",")[0]
        wanted = (preset, int(size.partition("=")[2]), epochs[row.name])
        for seed in seeds:
            file = workdir(output, row.name, seed) / "config.json"
            if not file.exists():
                continue
            config = json.loads(file.read_text())
            found = (config["model"]["preset"], config["model"]["image_size"], config["epochs"])
            if found != wanted:
                raise cli.FlagError(
                    "--output must have no runs of other networks, sizes or epochs. Received: "
                    f"--output={output}, where {file.parent} has {found} and {wanted} is wanted. "
                    "Name another folder, or remove that run."
                )
