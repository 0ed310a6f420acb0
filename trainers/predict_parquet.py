"""The rows of `gsf-tf predict` as a Parquet file."""

import contextlib
import itertools
import os

import pyarrow as pa
import pyarrow.parquet

from gsf_tf.errors import UserError
from gsf_tf.files.regular_file import parse_json

_ROWS_AT_ONCE = 1024


def schema(features):
    """Returns the columns: video, error, classes and probabilities, and perhaps features."""
    columns = {
        "video": pa.string(),
        "error": pa.string(),
        "classes": pa.list_(pa.string()),
        "probabilities": pa.list_(pa.float32()),
    }
    return pa.schema({**columns, **({"features": pa.list_(pa.float32())} if features else {})})


def read_videos(path):
    """Yields the video of each row, and whether it is an error.

    Raises:
        UserError: If it is no Parquet file with such rows.
    """
    try:
        with pa.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=["video", "error"]):
                for row in batch.to_pylist():
                    yield row["video"], row["error"] is not None
    except (OSError, KeyError, pa.ArrowException) as error:
        raise UserError(
            "`output` must be a Parquet file that `gsf-tf predict` has written. Received: "
            f"{path} ({error}). Choose another name, or delete the file."
        ) from error


def add_rows(path, journal, features):
    """Adds rows to a Parquet file, which is replaced as a whole.

    Args:
        path: The file; it need not exist.
        journal: File of JSON lines, the new rows.
        features: Whether rows have features.

    Raises:
        OSError: If the file cannot be written. What was there before stays.
    """
    partial = f"{path}.partial"
    try:
        with pa.parquet.ParquetWriter(partial, schema(features)) as writer:
            if os.path.lexists(path):
                with pa.parquet.ParquetFile(path) as before:
                    for batch in before.iter_batches(_ROWS_AT_ONCE):
                        writer.write_batch(batch)
            with open(journal, "rb") as lines:
                while part := list(itertools.islice(lines, _ROWS_AT_ONCE)):
                    rows = [_columns(parse_json(line)) for line in part]
                    writer.write_table(pa.Table.from_pylist(rows, schema(features)))
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def _columns(row):
    top = row.get("top")
    return {
        # Parquet's texts are UTF-8, which names of files need not be.
        "video": row["video"].encode(errors="backslashreplace").decode(),
        "error": row.get("error"),
        "classes": top and [name for name, _ in top],
        "probabilities": top and [probability for _, probability in top],
        "features": row.get("features"),
    }
