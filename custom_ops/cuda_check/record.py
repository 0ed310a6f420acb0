"""What a part of a step found, in a file that is whole at every moment."""

import json
import os
import pathlib


class Record:
    """Values, rows and problems of one part, written to a file after each change.

    A process may be stopped at its time limit or die of an error on the GPU: what it found before
    that is in the file.

    Args:
        path: The JSON file.
    """

    def __init__(self, path):
        self._path = pathlib.Path(path)
        self._content = {"values": {}, "rows": [], "problems": [], "skipped": "", "ended": False}
        self._save()

    def value(self, name, value):
        self._content["values"][name] = value
        self._save()

    def row(self, **columns):
        self._content["rows"].append(columns)
        self._save()

    def problem(self, text):
        self._content["problems"].append(text)
        self._save()

    def skip(self, reason):
        """Notes that a rehearsal left the part out, and why."""
        self._content["skipped"] = reason
        self._save()

    def end(self):
        self._content["ended"] = True
        self._save()

    def has_problems(self):
        return bool(self._content["problems"])

    def _save(self):
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self._content))
        os.replace(partial, self._path)


def read(path):
    """Returns the content of a record's file, or None if its process wrote none."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except FileNotFoundError:
        return None
