"""Every configuration: its file, and the rows of the files that are tables."""

import ast
import functools
import importlib
import pathlib
import re

from absl import flags
from ml_collections import config_flags

REPOSITORY = pathlib.Path(__file__).parents[2]
NAMES = sorted(
    path.stem for path in (REPOSITORY / "configs").glob("*.py") if path.stem != "__init__"
)


@functools.cache
def module(name):
    return importlib.import_module(f"configs.{name}")


def source(name):
    return ast.parse((REPOSITORY / "configs" / f"{name}.py").read_text())


TABLES = [name for name in NAMES if hasattr(module(name), "ROWS")]
# These are not experiments of the papers. The text after their colon is a preset.
OWN = [name for name in NAMES if name not in TABLES]
ALL = [(name, row) for name in TABLES for row in module(name).ROWS]
# An experiment once, because a miniature has its own number of frames.
RUNS = list({(name, re.sub(r"_\d+f$", "", row)): (name, row) for name, row in ALL}.values())


def load(name, text=None):
    """Loads a configuration as a program does, from the command line."""
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    path = REPOSITORY / "configs" / f"{name}.py"
    values(["program", f"--config={path}{f':{text}' if text else ''}"])
    return values.config
