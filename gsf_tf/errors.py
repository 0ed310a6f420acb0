"""The error every program of `trainers/` turns into a plain message, and help in wording it."""

import difflib


class UserError(Exception):
    """Something the user can put right: a path, a setting, a file.

    The message is written for the user: it states the rule, what was received, and what to
    do. `trainers.cli` prints it without a traceback and ends with status 1.
    """


def did_you_mean(received, choices):
    """Returns " Did you mean 'a' or 'b'?" for the choices near `received`, "" if none is."""
    near = difflib.get_close_matches(received, choices, n=3)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
