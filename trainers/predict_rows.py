"""The rows of `gsf-tf predict` as text, and what such a text holds already."""

import csv
import io
import json

from gsf_tf.files.regular_file import parse_json


def row_of(prediction, k):
    """Returns a `Prediction` as a dictionary: `video`, and `top` and `features`, or `error`.

    Args:
        prediction: `Prediction` of a path.
        k: Number of classes.
    """
    if prediction.error is not None:
        return {"video": prediction.video, "error": str(prediction.error)}
    row = {"video": prediction.video, "top": prediction.top(k)}
    if prediction.features is not None:
        row["features"] = [float(value) for value in prediction.features]
    return row


class TextRows:
    """Writes rows as text, one format's way.

    Args:
        form: `"text"`, `"json"` (an object per line) or `"csv"`.
        k: Number of classes in a row.
        features: Whether rows have features.

    Attributes:
        header: Text before the rows.
    """

    def __init__(self, form, k, features):
        self._form, self._k, self._features = form, k, features
        columns = [f"{name}_{i + 1}" for i in range(k) for name in ("class", "probability")]
        columns = ["video", "error", *columns, *(["features"] if features else [])]
        self.header = _csv_line(columns) if form == "csv" else ""

    def text(self, row):
        """Returns a row as text, with the line's end."""
        if self._form == "json":
            return json.dumps(row, allow_nan=False) + "\n"
        if self._form == "csv":
            top = [value for pair in row.get("top", [("", "")] * self._k) for value in pair]
            features = [json.dumps(row["features"]) if "features" in row else ""]
            return _csv_line([row["video"], row.get("error", ""), *top, *features * self._features])
        # Names of files need not be UTF-8, but what is printed must be.
        video = row["video"].encode(errors="backslashreplace").decode()
        if "error" in row:
            return f"{video}\n  {row['error']}\n"
        lines = [f"  {probability:6.1%}  {name}" for name, probability in row["top"]]
        return "\n".join([video, *lines, ""])

    def read(self, lines):
        """Reads what `header` and `text` have written, up to a row that is not complete.

        Args:
            lines: Lines of a file in binary, each with its end.

        Yields:
            For each complete row its video, whether it is an error, and the number of bytes up to
            its end.

        Raises:
            ValueError: If a row in the middle is none.
        """
        end, pending = 0, b""
        for line in lines:
            pending += line
            # Text in quotes may have several lines; a quote in it is doubled.
            if not line.endswith(b"\n") or (self._form == "csv" and pending.count(b'"') % 2):
                continue
            text, is_first, end = (
                pending.decode(errors="surrogateescape"),
                not end,
                end + len(pending),
            )
            pending = b""
            if is_first and self.header:
                if text != self.header:
                    raise ValueError(f"it begins with {text!r:.100}")
                continue
            yield (*self._parse(text), end)

    def _parse(self, text):
        if self._form == "csv":
            (cells,) = csv.reader(io.StringIO(text, newline=""))
            return cells[0], bool(cells[1])
        row = parse_json(text)
        if not isinstance(row, dict) or not isinstance(row.get("video"), str):
            raise ValueError(f"it has the row {text!r:.100}")
        return row["video"], "error" in row


def _csv_line(cells):
    output = io.StringIO(newline="")
    csv.writer(output, lineterminator="\n").writerow(cells)
    return output.getvalue()
