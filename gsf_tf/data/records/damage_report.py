"""Naming the damaged record behind an error of TensorFlow.

The graph can stop at a record and can say where it was; what is wrong with it is found afterwards,
by looking at that record alone. So whole records cost nothing, and a `tf.data` service works too.
"""

import codecs
import contextlib
import json
import re
from collections.abc import Mapping

import tensorflow as tf

from gsf_tf.data.records.damage_log import DamagedRecord
from gsf_tf.data.records.record_faults import find_fault
from gsf_tf.data.records.record_framing import find_offset, records_from, survey
from gsf_tf.errors import DataError

_BEGIN, _END = "damaged record <<", ">>"
_UNKNOWN_OFFSET = -1

_UNEXPLAINED = (
    "it could not be read or decoded, and can be now; the cause may be a lack of memory, or a disk "
    "or network that fails at times"
)


def message_tail(file: str, num_clips: int | None, limits: Mapping[str, int | None]) -> str:
    """Returns the part of `message` that is the same for all records of a shard."""
    values = json.dumps({"file": file, "num_clips": num_clips, "limits": limits})
    return f", {values[1:]}{_END}"


def message(place, offset, tail) -> tf.Tensor:
    """Returns the text by which `reports_damage` finds the record, a string scalar.

    Args:
        place: Number of the record in its shard.
        offset: Byte at which it begins, -1 where only its content is damaged.
        tail: The shard's `message_tail`.
    """
    place, offset = tf.strings.as_string(place), tf.strings.as_string(offset)
    return tf.strings.join([_BEGIN, '{"place": ', place, ', "offset": ', offset, tail])


def find_damage(
    file: str, place: int, offset: int, num_clips: int | None, limits: Mapping[str, int | None]
) -> DamagedRecord | None:
    """Looks at a record that could not be used.

    Args:
        file: Path of the shard.
        place: Number of the record in it.
        offset: Byte at which it begins, -1 where only its content is damaged.
        num_clips: Records that the shard should have, or `None`.
        limits: As in `find_fault`.

    Returns:
        `None` where there is nothing wrong with the record.

    Raises:
        tf.errors.OpError: When the file cannot be opened or read.
    """
    if offset != _UNKNOWN_OFFSET:
        damage = [found for found in survey(file, offset, place, num_clips)[1]]
        return damage[0] if damage and damage[0].place == place else None
    offset = find_offset(file, place)
    record = next(records_from(file, offset).as_numpy_iterator())
    reason = find_fault(record, limits)
    return reason and DamagedRecord(file, place, offset, reason)


@contextlib.contextmanager
def reports_damage():
    """Turns TensorFlow's error at a damaged record into a `DataError` that names the record.

    To be put around the code that takes batches of `video_dataset_from_records`: a loop,
    `model.fit`, or a function (as a decorator). Other errors stay as they are.

    Raises:
        DataError: With the file, the number of the record in it, the byte at which it begins, and
            what is wrong with it.

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
        # TensorFlow has quoted it.
        return json.loads(codecs.decode(text, "unicode_escape"))


def _explain(file, place, offset, num_clips, limits):
    rule = "A shard of records must be as `trainers.prepare` wrote it."
    advice = (
        "Copy the file again, prepare the records again (`--overwrite`), or leave damaged records "
        "out with on_error='skip' (--config.data.on_error=skip)."
    )
    try:
        damage = find_damage(file, place, offset, num_clips, limits)
    except tf.errors.NotFoundError:
        return f"{rule} Received `{file}`, which is not there (any more). Put it back."
    except tf.errors.OpError as error:
        return f"{rule} Received `{file}`, which cannot be read: {error.message}"
    if damage is None:
        offset = max(offset, 0) or find_offset(file, place)
        damage = DamagedRecord(file, place, offset, _UNEXPLAINED)
    return f"{rule} Received {damage}. {advice}"
