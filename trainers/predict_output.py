"""The file that `gsf-tf predict` writes its rows to, and continues after it was stopped."""

import fcntl
import json
import os

from gsf_tf.errors import UserError
from gsf_tf.files.regular_file import read_json
from gsf_tf.files.whole_file import reports_write_errors, write_whole_file

from .predict_rows import TextRows

# Of a job, what may be another in a continued one: the model may have moved.
_MAY_DIFFER = {"model"}


class PredictOutput:
    """Adds rows to a file, each video's once, as a context manager.

    Every row is written in one piece when it is known. Parquet cannot be continued, so its rows
    wait as JSON lines in `<path>.rows.jsonl`, and `finish` makes the file of them.

    Args:
        path: The file; `<path>.job.json` beside it says how its rows were made.
        job: Settings of the rows, a dictionary for JSON, with `format`, `top` and `features`.

    Attributes:
        rows: Number of rows so far.
        errors: Number of them that are errors.

    Raises:
        UserError: If the file holds rows of another job or is no such file, another process writes
            it, or it cannot be written.
    """

    def __init__(self, path, job):
        self._path, self._job, self._file = path, job, None
        self._is_parquet = job["format"] == "parquet"
        form = "json" if self._is_parquet else job["format"]
        self._text = TextRows(form, job["top"], job["features"])
        self._journal = f"{path}.rows.jsonl" if self._is_parquet else path
        self._videos, self.errors = set(), 0

    def __enter__(self):
        with reports_write_errors(self._path, "output"):
            self._file = open(self._journal, "a+b")  # noqa: SIM115 - `__exit__` closes it.
            try:
                self._lock()
                self._check_job()
                self._read()
            except BaseException:
                self._file.close()
                raise
        return self

    def __exit__(self, *error):
        self._file.close()

    @property
    def rows(self):
        return len(self._videos)

    def has(self, video):
        """Returns whether a video has its row."""
        return self._key(video) in self._videos

    def write(self, row):
        """Adds a row."""
        with reports_write_errors(self._path, "output"):
            self._file.write(self._text.text(row).encode(errors="surrogateescape"))
            self._file.flush()
        self._videos.add(self._key(row["video"]))
        self.errors += "error" in row

    def finish(self):
        """Makes the file durable, after the last row."""
        with reports_write_errors(self._path, "output"):
            os.fsync(self._file.fileno())
            if self._is_parquet:
                from .predict_parquet import add_rows

                add_rows(self._path, self._journal, self._job["features"])
                os.unlink(self._journal)

    def _key(self, video):
        # Parquet's texts are UTF-8, which names of files need not be.
        replaced = video.encode(errors="backslashreplace").decode()
        return replaced if self._is_parquet else video

    def _check_job(self):
        """Compares the job with that of the rows that are there; writes it for the first one."""
        file = f"{self._path}.job.json"
        has_rows = os.path.getsize(self._journal) > 0
        if not has_rows and not (self._is_parquet and os.path.lexists(self._path)):
            write_whole_file(file, json.dumps(self._job, indent=2) + "\n")
            return
        try:
            before = read_json(file)
            if not isinstance(before, dict):
                raise ValueError("it holds no object")
        except (OSError, ValueError) as error:
            raise UserError(
                "`output` must not exist yet, or be a file that `gsf-tf predict` has begun, with "
                f"its job beside it. Received: {self._path}, and {file} cannot be read ({error}). "
                "Choose another name, or delete the file."
            ) from error
        names = sorted((self._job.keys() | before.keys()) - _MAY_DIFFER)
        changed = [
            f"{name}: {before.get(name)!r} there, {self._job.get(name)!r} now"
            for name in names
            if before.get(name) != self._job.get(name)
        ]
        if changed:
            raise UserError(
                "The rows of a file must be of one model and of one kind. Received: "
                f"{self._path}, whose rows differ in {'; '.join(changed)}. Choose another name, or "
                "delete the file and its job."
            )

    def _lock(self):
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"One process writes a file. Received: {self._path}, which another process writes. "
                "Wait for it, or choose another name."
            ) from error

    def _read(self):
        """Reads which videos have their rows, and drops one that is not complete."""
        if self._is_parquet and os.path.lexists(self._path):
            from .predict_parquet import read_videos

            for video, is_error in read_videos(self._path):
                self._videos.add(video)
                self.errors += is_error
        self._file.seek(0)
        end = 0
        try:
            for video, is_error, end in self._text.read(self._file):  # noqa: B007
                self._videos.add(self._key(video))
                self.errors += is_error
        except (ValueError, IndexError) as error:
            raise UserError(
                "`output` must be a file that `gsf-tf predict` has begun. Received: "
                f"{self._journal}, damaged behind byte {end} ({error}). Choose another name, or "
                "repair the row."
            ) from error
        self._file.truncate(end)
        if not end:
            self._file.write(self._text.header.encode())
            self._file.flush()
