"""Whether the processors are free, without which no comparison of runtimes is valid."""

import psutil

from gsf_tf.errors import UserError

# Percent of all processors that others may use.
ALLOWED = 10.0
SECONDS = 2.0


def others_percent():
    """Returns the percentage of all processors that is in use while this process waits."""
    return psutil.cpu_percent(interval=SECONDS)


def load_line(percent):
    """Returns the sentence of a report on the load before the run."""
    line = f"Before the run, other work had {percent:.0f} % of the processors."
    if percent > ALLOWED:
        line += (
            " No figure here is valid, nor a ratio: threads that wait for each other, as OpenMP's "
            "in PyTorch, lose far more on a busy machine than TensorFlow's."
        )
    return line


def check_quiet(percent, docs):
    """Checks that figures for the documentation come from a machine with nothing else to do.

    Raises:
        UserError: If `docs` is given and other work had more than `ALLOWED` percent.
    """
    if docs and percent > ALLOWED:
        raise UserError(
            "--docs needs a machine with nothing else to do, for ratios between runtimes change "
            f"with the load. Received: {percent:.0f} % of the processors in use (allowed: "
            f"{ALLOWED:.0f} %). Wait, or leave --docs out to look at the tables only."
        )
