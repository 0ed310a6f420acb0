"""Every configuration there is: its file, and what may stand after the colon."""

import ast
import functools
import importlib
import pathlib

from absl import flags
from ml_collections import config_flags

REPOSITORY = pathlib.Path(__file__).parents[2]
# These are no experiments of the papers.
OWN = ("demo", "demo_rubiksnet", "folder", "smoke")
NAMES = sorted(
    path.stem for path in (REPOSITORY / "configs").glob("*.py") if path.stem != "__init__"
)
EXPERIMENTS = [name for name in NAMES if name not in OWN]


@functools.cache
def module(name):
    return importlib.import_module(f"configs.{name}")


def docstring(name):
    return ast.get_docstring(ast.parse((REPOSITORY / "configs" / f"{name}.py").read_text()))


def texts(name):
    """What may stand after the colon of an experiment; None for nothing."""
    if hasattr(module(name), "ROWS"):
        return list(module(name).ROWS)
    return [None] if name.endswith("_imagenet") else ["8", "16"]


ALL = [(name, text) for name in EXPERIMENTS for text in texts(name)]
# Without the number of frames, which a miniature replaces.
RUNS = [(name, text) for name, text in ALL if text != "16"]


def load(name, text=None):
    """Loads a configuration as a program does, from the command line."""
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    path = REPOSITORY / "configs" / f"{name}.py"
    values(["program", f"--config={path}{f':{text}' if text else ''}"])
    return values.config
