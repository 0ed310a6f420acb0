"""The error every program of `trainers/` turns into a plain message."""


class UserError(Exception):
    """Something the user can put right: a path, a setting, a file.

    The message is written for the user: it states the rule, what was received, and what to
    do. `trainers.cli` prints it without a traceback and ends with status 1.
    """
