"""The flag --config: a configuration by the name of its file, or by a path."""

import os
import pathlib
import re
import sys
import tempfile

from absl import flags

from . import cli

try:
    from ml_collections import config_flags
except ModuleNotFoundError as error:
    sys.exit(f"Error: {cli.missing_extra(error) or error}")

# The folder beside this one: configs/ in a checkout, gsf_tf_configs/ where gsf_tf is installed.
_HERE = pathlib.Path(__file__).parent
CONFIGS = _HERE.with_name(_HERE.name.replace("trainers", "configs"))

flags.disclaim_key_flags()  # The flag is shown with those of the program that defines it.


def define_config(help):
    """Defines --config, a name such as `gsf:resnet50_ssv2_16f` or a path such as `my/own.py`.

    Args:
        help: Text for `--help`.

    Returns:
        Holder of the flag; its value is a locked `ml_collections.ConfigDict`.
    """
    holder = config_flags.DEFINE_config_file("config", None, help)
    flag = flags.FLAGS["config"]
    flag.parser = _FilesByName(flag.parser)
    return holder


def config_names():
    """Returns the names of the configurations that come with gsf_tf."""
    return sorted(path.stem for path in CONFIGS.glob("*.py") if not path.stem.startswith("_"))


def config_path(text):
    """Returns the path for a value of --config, and a colon and the row if the value has one.

    Args:
        text: Name or path of a configuration; after a colon, the row of its table. A colon in the
            path of a file that exists is a part of the path.

    Returns:
        A pair: the path; and `""`, or the row with the colon before it.

    Raises:
        FlagError: If there is no such configuration.
    """
    name, colon, row = text.partition(":")
    for place in [len(text), *(match.start() for match in re.finditer(":", text))]:
        if text[:place].endswith(".py") and os.path.isfile(text[:place]):
            return text[:place], text[place:]
    is_path = name.endswith(".py") or os.sep in name
    if not is_path and name in config_names():
        return f"{CONFIGS / name}.py", f"{colon}{row}"
    if is_path and os.path.isfile(name):
        return name, f"{colon}{row}"
    problem = "a path where no file is" if is_path else "a name that none of them has"
    nearest = cli.did_you_mean(os.path.basename(name).removesuffix(".py"), config_names())
    raise cli.FlagError(
        "--config must be the name of a configuration or the path of a file, NAME[:ROW] or "
        f"PATH.py[:ROW]. Received: {text}, {problem}.{nearest} The names are: "
        f"{', '.join(config_names())}. --config=NAME:help lists the rows of one."
    )


class _FilesByName(flags.ArgumentParser):
    """Lets the parser of configuration files take names as well as paths."""

    def __init__(self, files):
        self._files = files

    def parse(self, text):
        path, row = config_path(text)
        if ":" not in path:
            return self._files.parse(f"{path}{row}")
        # The parser of files would divide the path at its colon.
        with tempfile.TemporaryDirectory() as folder:
            link = pathlib.Path(folder, "config.py")
            link.symlink_to(os.path.abspath(path))
            return self._files.parse(f"{link}{row}")

    def flag_type(self):
        return "NAME[:ROW] or PATH.py[:ROW]"
