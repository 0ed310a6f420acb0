"""The rules for the values in `dataset_info.json`.

The file may come from somebody else, or from a damaged disk. Every value is checked when the file
is read, so that the code behind it can rely on the types, and no number asks for more work than the
records could hold.
"""

import re

from gsf_tf.data.records.value_rules import (
    BrokenRule,
    check_count,
    check_names,
    check_number,
    check_settings,
    check_text,
    require,
)
from gsf_tf.tasks import ACTION

# Ten times as many clips as fit into a shard of 200 MB, one small frame each.
MAX_SHARD_CLIPS = 10**7

# A version that was written by another version of this package may have other keys.
FORMAT_VERSION = 1


def check_values(values: dict) -> None:
    """Checks the values by the names of the attributes of `DatasetInfo`.

    Raises:
        BrokenRule: If a value breaks a rule.
    """
    for name, check in _CHECKS.items():
        if name in values:
            check(f"`{name}`", values[name])


def _check_published(name, value):
    if value is not None:
        check_count(name, value)


def _check_splits(name, value):
    require(isinstance(value, dict), name, "an object", value)
    split_of = {}
    for split, counts in value.items():
        place = f"{name}[{split!r:.80}]"
        require(bool(split), f"a key of {name}", "a name", split)
        require(isinstance(counts, dict), place, "an object", counts)
        for key in ("clips", "frames", "shards"):
            require(key in counts, place, f"an object with {key!r}", counts)
        shards = counts["shards"]
        _check_shards(f"{place}['shards']", shards)
        for key, number in counts.items():
            if key in _COUNTS:
                _COUNTS[key](f"{place}[{key!r}]", number)
        check_number(0, MAX_SHARD_CLIPS * len(shards))(f"{place}['clips']", counts["clips"])
        for shard in shards:
            first = split_of.setdefault(shard, split)
            if first != split:
                raise BrokenRule(
                    f"a shard must be of one split, and {shard!r:.80} is of {first!r:.80} and of "
                    f"{split!r:.80}"
                )


def _check_shards(name, value):
    require(isinstance(value, dict), name, "an object", value)
    for shard, clips in value.items():
        # Only files of the folder itself are read.
        is_file = re.fullmatch(r"[^/\\\0]+", shard) and shard not in (".", "..")
        require(bool(is_file), f"a key of {name}", "the name of a file, without its folder", shard)
        check_number(0, MAX_SHARD_CLIPS)(f"{name}[{shard!r:.80}]", clips)


def _check_tasks(name, value):
    require(isinstance(value, dict), name, "an object", value)
    for task, names in value.items():
        is_task = bool(task) and task != ACTION
        require(is_task, f"a key of {name}", f"the name of a task other than {ACTION!r}", task)
        check_names(f"{name}[{task!r:.80}]", names)


def _check_pairs(name, value):
    if value is None:
        return
    require(isinstance(value, list), name, "null or a list of pairs", value)
    for pair in value:
        is_pair = isinstance(pair, list) and len(pair) == 2
        is_pair = is_pair and all(isinstance(entry, str) for entry in pair)
        require(is_pair, f"an entry of {name}", "a list of two names", pair)


_COUNTS = {
    **dict.fromkeys(("found", "clips", "quarantined", "missing", "frames", "bytes"), check_count),
    "published": _check_published,
}

_CHECKS = {
    "format_version": check_number(FORMAT_VERSION, FORMAT_VERSION),
    "labels": check_names,
    "label_fingerprint": check_text,
    "settings": check_settings,
    "source_fingerprint": check_text,
    "splits": _check_splits,
    "source": check_text,
    "task_classes": _check_tasks,
    "flip_pairs": _check_pairs,
}
