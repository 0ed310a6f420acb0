"""Rules for values in JSON files that may come from somebody else, or from a damaged disk.

A rule is a function of a name, for the message, and a value.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.data.records.record_settings import MAX_NUMBER, RecordSettings
from gsf_tf.errors import DataError
from gsf_tf.files.regular_file import parse_json

Rule = Callable[[str, Any], None]


class BrokenRule(ValueError):
    """A value that breaks a rule: a phrase that says which and what was received."""


def parse_object(data: bytes | str) -> dict:
    """Parses an object of JSON, strictly.

    Raises:
        BrokenRule: If the data are anything else.
    """
    try:
        values = parse_json(data, strict=True)
    except ValueError as error:
        raise BrokenRule(f"it must be JSON in UTF-8, and {error}") from error
    if not isinstance(values, dict):
        raise BrokenRule(f"it must be an object, and is {_shown(values)}")
    return values


def check_object(name: str, value: Any, rules: dict[str, Rule]) -> None:
    """Checks that a value is an object with these keys and no others, and its values by the rules.

    Raises:
        BrokenRule: If it is not.
    """
    require(isinstance(value, dict), name, "an object", value)
    keys = ", ".join(map(repr, rules))
    require(value.keys() == rules.keys(), name, f"an object with the keys {keys}", value)
    for key, rule in rules.items():
        rule(f"`{key}`", value[key])


def require(is_right: bool, name: str, rule: str, value: Any) -> None:
    """Raises BrokenRule with a rule and what was received, unless the value is right."""
    if not is_right:
        raise BrokenRule(f"{name} must be {rule}, and is {_shown(value)}")


def _shown(value):
    """Returns a value as text that is short whatever it is."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)} values"
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        return "a number of more than 64 bits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def check_text(name: str, value: Any) -> None:
    """Checks a text."""
    require(isinstance(value, str), name, "a text", value)


def check_number(low: int, high: int) -> Rule:
    """Returns the rule for whole numbers in low..high."""

    def check(name, value):
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        require(is_whole and low <= value <= high, name, f"a whole number in {low}..{high}", value)

    return check


check_count = check_number(0, MAX_NUMBER)


def check_names(name: str, value: Any) -> None:
    """Checks names of classes."""
    is_list = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    require(is_list, name, "a list of texts", value)
    try:
        LabelMap(value)
    except DataError as error:
        raise BrokenRule(f"{name} must be the names of classes: {error}") from error


def check_settings(name: str, value: Any) -> None:
    """Checks the values of `RecordSettings`; those of an earlier version may lack some."""
    require(isinstance(value, dict), name, "an object", value)
    fractions = {field.name for field in dataclasses.fields(RecordSettings) if field.type is float}
    for key, setting in value.items():
        place = f"{name}[{key!r:.80}]"
        if key in fractions and isinstance(setting, float):
            require(math.isfinite(setting), place, "a finite number", setting)
        else:
            check_number(-MAX_NUMBER, MAX_NUMBER)(place, setting)
    try:
        RecordSettings(**value)
    except TypeError as error:
        raise BrokenRule(f"{name} must be settings of records: {error}") from error
    except DataError as error:
        raise BrokenRule(f"{name}: {error}") from error
