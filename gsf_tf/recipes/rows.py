"""How a table in `configs/` finds a row: the text after the colon of `--config=FILE:ROW`.

The name of an experiment's row ends in its number of frames, as in `resnet50_ssv1_8f`. A table
lists the rows with the papers' numbers of frames; any other number may stand in their place.
"""

import re

from gsf_tf.errors import UserError, did_you_mean
from gsf_tf.recipes.paper_row import NOT_IN_PAPER


def find_row(row, rows):
    """Returns `rows[row]`.

    Args:
        row: Name of a row.
        rows: Dictionary of the table's rows by name.

    Raises:
        UserError: If the table has no such row.
    """
    if row not in rows:
        raise UserError(
            f"After its colon, `config` must name a row: one of {', '.join(rows)}. "
            f"Received: row={row!r}.{did_you_mean(row, rows)}"
        )
    return rows[row]


def find_experiment(row, rows):
    """Returns the experiment that a row is of, its number of frames and the paper's results.

    Args:
        row: Name of a row, an experiment and any number of frames, such as `"resnet50_ssv1_8f"`;
            or a row of the table that has no number of frames, such as `"tiny_imagenet"`.
        rows: Dictionary of the table's `PaperRow`s by name.

    Returns:
        The name without the number of frames, the number or None, and a `PaperRow`: the table's,
        or `NOT_IN_PAPER` if the table does not list that number of frames.

    Raises:
        UserError: If the table does not have the experiment, or if the number of frames is missing
            or is not a positive integer.
    """
    experiment, frames = _split(row)
    experiments = {_split(name)[0]: _split(name)[1] for name in rows}
    if row in rows or (frames and experiments.get(experiment)):
        return experiment, frames, rows.get(row, NOT_IN_PAPER)

    counted = [name for name, number in experiments.items() if number]
    single = [name for name, number in experiments.items() if not number]
    example = next(name for name in rows if _split(name)[1])
    rule = (
        "After its colon, `config` must name a row: an experiment, `_`, its number of frames (1 or "
        f"more) and `f`, such as `{example}`. Experiments: {', '.join(counted)}."
    )
    if single:
        rule += f" Rows of one image, without a number of frames: {', '.join(single)}."
    near = [*rows, *(f"{name}_{frames}f" for name in counted if frames)]
    raise UserError(f"{rule} Received: row={row!r}.{did_you_mean(row, dict.fromkeys(near))}")


def _split(row):
    """Returns the experiment and the number of frames, None if the name does not end in one."""
    match = re.fullmatch(r"(.+)_([1-9][0-9]*)f", row)
    return (match[1], int(match[2])) if match else (row, None)
