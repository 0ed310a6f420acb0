"""The file `state.json` of a checkpoint: it has a checksum, and all of it is checked when read."""

import hashlib
import json
import re
import sys

from gsf_tf.files.regular_file import open_regular, read_json

STATE_FILE = "state.json"
CHECKSUM = "sha256"

_NAME = re.compile(r"epoch-([0-9]{4,12})-step-([0-9]{8,16})")
_FILE = re.compile(r"weights\.(index|data-[0-9]{5}-of-[0-9]{5})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ENTRIES = {"epoch", "step", "sums", "best", "files"}


def checkpoint_name(epoch, step):
    """Returns the name of the checkpoint after a step of an epoch."""
    return f"epoch-{epoch:04d}-step-{step:08d}"


def checkpoint_place(name):
    """Returns the epoch and the step in the name of a checkpoint, None for another name."""
    match = _NAME.fullmatch(name)
    place = match and tuple(map(int, match.groups()))
    return place if place and checkpoint_name(*place) == name else None


def state_text(state, files):
    """Returns the content of `state.json`.

    Args:
        state: Dictionary of `RunState.as_dict`.
        files: Dictionary from names to the `fingerprint` of the other files.
    """
    content = {**state, "files": files}
    return json.dumps({**content, CHECKSUM: _checksum(content)}, indent=2) + "\n"


def fingerprint(path):
    """Returns size and SHA-256 of a regular file."""
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}


def read_state(path, name):
    """Reads the `state.json` of a checkpoint.

    Files of version 0.1 have no checksum, and exactly the entries of that version.

    Args:
        path: Path of the checkpoint's folder.
        name: Name of the checkpoint, which must agree with the epoch and step in the file.

    Returns:
        Dictionary of `RunState.as_dict`, and `files`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not as `state_text` writes it. The text says what is wrong.
    """
    content = read_json(path / STATE_FILE)
    if not isinstance(content, dict) or not content.keys() >= _ENTRIES:
        raise ValueError(f"the entries of {STATE_FILE} are not {', '.join(sorted(_ENTRIES))}")
    if CHECKSUM in content:
        if content.pop(CHECKSUM) != _checksum(content):
            raise ValueError(f"the content of {STATE_FILE} is not what was written")
    elif content.keys() != _ENTRIES:
        raise ValueError(f"{STATE_FILE} has lost its checksum")
    checks = {
        "epoch": _is_count(content["epoch"]) and content["epoch"] > 0,
        "step": _is_count(content["step"]),
        "sums": _are_sums(content["sums"]),
        "best": content["best"] is None or _is_best(content["best"]),
        "files": _are_files(content["files"]),
        "left_out": "left_out" not in content or _is_left_out(content["left_out"]),
    }
    wrong = [entry for entry, is_right in checks.items() if not is_right]
    if wrong:
        raise ValueError(f"{STATE_FILE} has a wrong value of {', '.join(wrong)}")
    if checkpoint_name(content["epoch"], content["step"]) != name:
        raise ValueError(f"{STATE_FILE} is that of another epoch and step")
    return content


def find_damage(path, name):
    """Returns a description of the damage of a checkpoint's folder, or None if it is intact."""
    try:
        for file, expected in read_state(path, name)["files"].items():
            found = fingerprint(path / file)
            if found["bytes"] != expected["bytes"]:
                return f"{file} has {found['bytes']} bytes instead of {expected['bytes']}"
            if found != expected:
                return f"the content of {file} is not what was written"
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _checksum(content):
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_count(value):
    return type(value) is int and 0 <= value < 2**53


def _is_number(value):
    # Neither NaN nor an infinity, nor a whole number that no float can be.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _are_sums(sums):
    """Sums of an epoch: none yet, or the number of clips, their loss and others."""
    if not isinstance(sums, dict) or not all(map(_is_number, sums.values())):
        return False
    return not sums or ("loss" in sums and sums.get("clips", 0) > 0)


def _is_best(best):
    return (
        isinstance(best, dict)
        and best.keys() == {"epoch", "top1", "checkpoint"}
        and _is_count(best["epoch"])
        and _is_number(best["top1"])
        and isinstance(best["checkpoint"], str)
        and checkpoint_place(best["checkpoint"]) is not None
    )


def _is_left_out(left_out):
    """What damage has taken from the run: a number of batches, and the records."""
    return (
        isinstance(left_out, dict)
        and left_out.keys() == {"batches", "records"}
        and _is_count(left_out["batches"])
        and isinstance(left_out["records"], list)
        and all(map(_is_damaged_record, left_out["records"]))
    )


def _is_damaged_record(entry):
    return (
        isinstance(entry, dict)
        and entry.keys() == {"file", "index", "offset", "reason", "clips"}
        and all(isinstance(entry[key], str) for key in ("file", "reason"))
        and all(_is_count(entry[key]) for key in ("index", "offset", "clips"))
    )


def _are_files(files):
    return (
        isinstance(files, dict)
        and "weights.index" in files
        and all(_FILE.fullmatch(name) and _is_fingerprint(entry) for name, entry in files.items())
    )


def _is_fingerprint(entry):
    return (
        isinstance(entry, dict)
        and entry.keys() == {"bytes", "sha256"}
        and _is_count(entry["bytes"])
        and isinstance(entry["sha256"], str)
        and _SHA256.fullmatch(entry["sha256"]) is not None
    )
