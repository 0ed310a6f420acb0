"""Names the damaged record behind an error of TensorFlow.

A pipeline that meets a damaged record stops with an error that holds the record's position. The
reason is found afterwards, by reading that record alone. So intact records cost nothing, and a
pipeline that runs in a `tf.data` service is explained as well.
"""

import codecs
import contextlib
import json
import re
from collections.abc import Iterator, Mapping

import tensorflow as tf

from gsf_tf.data.records.damage_log import DamagedRecord
from gsf_tf.data.records.record_faults import find_fault
from gsf_tf.data.records.record_framing import (
    WRONG_CHECKSUM,
    find_offset,
    find_records,
    read_records,
    survey,
)
from gsf_tf.errors import DataError

_BEGIN, _END = "damaged record <<", ">>"
_UNKNOWN_OFFSET = -1

_UNEXPLAINED = (
    "reading or decoding it failed, but now succeeds; the cause may be a lack of memory, or a disk "
    "or network that fails at times"
)


def message_tail(file: str, num_clips: int | None, limits: Mapping[str, int | None]) -> str:
    """Returns the end of a `message`, which is the same for all records of a shard."""
    values = json.dumps({"file": file, "num_clips": num_clips, "limits": limits})
    return f", {values[1:]}{_END}"


def message(index, offset, tail) -> tf.Tensor:
    """Returns the text from which `reports_damage` reads the position of a record.

    Args:
        index: Index of the record in its shard, an integer scalar.
        offset: Byte at which the record begins, or -1 if only its content is damaged.
        tail: The `message_tail` of the shard.

    Returns:
        A string scalar.
    """
    index, offset = tf.strings.as_string(index), tf.strings.as_string(offset)
    return tf.strings.join([_BEGIN, '{"index": ', index, ', "offset": ', offset, tail])


def find_damage(
    file: str, index: int, offset: int, num_clips: int | None, limits: Mapping[str, int | None]
) -> DamagedRecord | None:
    """Finds out what is wrong with a record that could not be used.

    Args:
        file: Path of the shard.
        index: Index of the record in the shard.
        offset: Byte at which the record begins, or -1 if only its content is damaged.
        num_clips: Number of records that the shard should have, `None` if unknown.
        limits: As in `find_fault`.

    Returns:
        The damage, or `None` if the record is intact.

    Raises:
        tf.errors.OpError: If the file cannot be opened or read.
    """
    if offset != _UNKNOWN_OFFSET:
        damage = [found for found in survey(file, offset, index, num_clips)[1]]
        return damage[0] if damage and damage[0].index == index else None
    offset = find_offset(file, index)
    record = next(read_records(file, find_records(file, offset, 1)), None)
    reason = WRONG_CHECKSUM if record is None else find_fault(record, limits)
    return reason and DamagedRecord(file, index, offset, reason)


@contextlib.contextmanager
def reports_damage() -> Iterator[None]:
    """Turns TensorFlow's error at a damaged record into a `DataError` that names the record.

    It is a context manager for the code that takes batches from a `video_dataset_from_records`,
    such as a loop or `model.fit`, and a decorator for a function with such code. It leaves other
    errors unchanged.

    Raises:
        DataError: If TensorFlow stopped at a damaged record. The message has the file, the index
            of the record, the byte at which it begins, and what is wrong with it.

    Example:

    ```python
    with gsf_tf.data.reports_damage():
        model.fit(dataset)
    ```
    """
    try:
        yield
    except tf.errors.OpError as error:
        values = _read_message(str(error))
        if values is None:
            raise
        raise DataError(_explain(**values)) from error


def _read_message(text):
    found = re.search(f"{re.escape(_BEGIN)}(.*?){re.escape(_END)}", text, re.DOTALL)
    if not found:
        return None
    text = found[1]
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        # TensorFlow has quoted the text and escaped its quotes.
        return json.loads(codecs.decode(text, "unicode_escape"))


def _explain(file, index, offset, num_clips, limits):
    rule = "A shard must be as `gsf_tf.data.write_records` wrote it."
    advice = (
        "Copy the file again, write the records again (`overwrite`), or set "
        "`on_error` to 'skip' to leave damaged records out."
    )
    try:
        damage = find_damage(file, index, offset, num_clips, limits)
    except tf.errors.NotFoundError:
        return f"{rule} Received: file={file!r}, which does not exist (any more). Put it back."
    except tf.errors.OpError as error:
        return f"{rule} Received: file={file!r}, which cannot be read: {error.message}"
    if damage is None:
        offset = max(offset, 0) or find_offset(file, index)
        damage = DamagedRecord(file, index, offset, _UNEXPLAINED)
    return f"{rule} Received: {damage}. {advice}"
