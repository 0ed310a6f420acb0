"""The rules for the values in `dataset_info.json`.

The file may come from somebody else, or from a damaged disk. Every value is checked when the file
is read, so that the code behind it can rely on the types, and no number asks for more work than the
records could hold.
"""

import collections
import dataclasses
import json
import math
import re
from collections.abc import Callable
from typing import Any

from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.errors import DataError
from gsf_tf.tasks import ACTION

# Ten times as many clips as fit into a shard of 200 MB, one small frame each.
MAX_SHARD_CLIPS = 10**7

# What 64 bits hold, with a sign.
MAX_NUMBER = 2**63 - 1

# A version that was written by another version of this package may have other keys.
FORMAT_VERSION = 1


class BrokenRule(ValueError):
    """A value that breaks a rule: a phrase that says which and what was received."""


def parse_json(data: bytes) -> dict:
    """Parses the bytes of the file.

    Raises:
        BrokenRule: If they are not an object of JSON in UTF-8, or a key is there twice.
    """
    try:
        values = json.loads(
            data.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refuse
        )
        # Escapes can write halves of characters, which no file name or terminal can.
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except BrokenRule:
        raise
    except RecursionError as error:
        raise BrokenRule("its lists must not be nested that deeply") from error
    except ValueError as error:
        raise BrokenRule(f"it must be JSON in UTF-8, and {error}") from error
    if not isinstance(values, dict):
        raise BrokenRule(f"it must be an object, and is {_shown(values)}")
    return values


def check_values(values: dict) -> None:
    """Checks the values by the names of the attributes of `DatasetInfo`.

    Raises:
        BrokenRule: If a value breaks a rule.
    """
    for name, check in _CHECKS.items():
        if name in values:
            check(f"`{name}`", values[name])


def _without_repeats(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = collections.Counter(key for key, _ in pairs)
        repeated, _ = counts.most_common(1)[0]
        raise BrokenRule(f"a key must not be there twice, and {_shown(repeated)} is")
    return values


def _refuse(text):
    raise BrokenRule(f"numbers must be finite, and one is {text}")


def _shown(value):
    """Returns a value as text that is short whatever it is."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)} values"
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        return "a number of more than 64 bits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _require(is_right: bool, name: str, rule: str, value: Any) -> None:
    if not is_right:
        raise BrokenRule(f"{name} must be {rule}, and is {_shown(value)}")


def _check_text(name, value):
    _require(isinstance(value, str), name, "a text", value)


def _check_number(low: int, high: int) -> Callable[[str, Any], None]:
    def check(name, value):
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        _require(is_whole and low <= value <= high, name, f"a whole number in {low}..{high}", value)

    return check


_check_count = _check_number(0, MAX_NUMBER)


def _check_published(name, value):
    if value is not None:
        _check_count(name, value)


def _check_names(name, value):
    """Checks names of classes."""
    is_list = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    _require(is_list, name, "a list of texts", value)
    try:
        LabelMap(value)
    except DataError as error:
        raise BrokenRule(f"{name} must be the names of classes: {error}") from error


def _check_settings(name, value):
    _require(isinstance(value, dict), name, "an object", value)
    fractions = {field.name for field in dataclasses.fields(RecordSettings) if field.type is float}
    for key, setting in value.items():
        place = f"{name}[{key!r:.80}]"
        if key in fractions and isinstance(setting, float):
            _require(math.isfinite(setting), place, "a finite number", setting)
        else:
            _check_number(-MAX_NUMBER, MAX_NUMBER)(place, setting)
    try:
        RecordSettings(**value)
    except TypeError as error:
        raise BrokenRule(f"{name} must be settings of records: {error}") from error
    except DataError as error:
        raise BrokenRule(f"{name}: {error}") from error


def _check_splits(name, value):
    _require(isinstance(value, dict), name, "an object", value)
    split_of = {}
    for split, counts in value.items():
        place = f"{name}[{split!r:.80}]"
        _require(bool(split), f"a key of {name}", "a name", split)
        _require(isinstance(counts, dict), place, "an object", counts)
        for key in ("clips", "frames", "shards"):
            _require(key in counts, place, f"an object with {key!r}", counts)
        shards = counts["shards"]
        _check_shards(f"{place}['shards']", shards)
        for key, number in counts.items():
            if key in _COUNTS:
                _COUNTS[key](f"{place}[{key!r}]", number)
        _check_number(0, MAX_SHARD_CLIPS * len(shards))(f"{place}['clips']", counts["clips"])
        for shard in shards:
            first = split_of.setdefault(shard, split)
            if first != split:
                raise BrokenRule(
                    f"a shard must be of one split, and {shard!r:.80} is of {first!r:.80} and of "
                    f"{split!r:.80}"
                )


def _check_shards(name, value):
    _require(isinstance(value, dict), name, "an object", value)
    for shard, clips in value.items():
        # Only files of the folder itself are read.
        is_file = re.fullmatch(r"[^/\\\0]+", shard) and shard not in (".", "..")
        _require(bool(is_file), f"a key of {name}", "the name of a file, without its folder", shard)
        _check_number(0, MAX_SHARD_CLIPS)(f"{name}[{shard!r:.80}]", clips)


def _check_tasks(name, value):
    _require(isinstance(value, dict), name, "an object", value)
    for task, names in value.items():
        is_task = bool(task) and task != ACTION
        _require(is_task, f"a key of {name}", f"the name of a task other than {ACTION!r}", task)
        _check_names(f"{name}[{task!r:.80}]", names)


def _check_pairs(name, value):
    if value is None:
        return
    _require(isinstance(value, list), name, "null or a list of pairs", value)
    for pair in value:
        is_pair = isinstance(pair, list) and len(pair) == 2
        is_pair = is_pair and all(isinstance(entry, str) for entry in pair)
        _require(is_pair, f"an entry of {name}", "a list of two names", pair)


_COUNTS = {
    **dict.fromkeys(("found", "clips", "quarantined", "missing", "frames", "bytes"), _check_count),
    "published": _check_published,
}

_CHECKS = {
    "format_version": _check_number(FORMAT_VERSION, FORMAT_VERSION),
    "labels": _check_names,
    "label_fingerprint": _check_text,
    "settings": _check_settings,
    "source_fingerprint": _check_text,
    "splits": _check_splits,
    "source": _check_text,
    "task_classes": _check_tasks,
    "flip_pairs": _check_pairs,
}
