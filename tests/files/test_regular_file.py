"""One reader of JSON, strict where the file describes data of somebody else."""

import json
import os

import pytest

from gsf_tf.files.regular_file import NotRegularError, open_regular, parse_json, read_json

# What Python reads, and what nothing careful writes.
LAX = {"NaN": "not finite", "[-Infinity]": "not finite", '{"a": 1, "a": 2}': "twice: 'a'"}
WRONG = ["", "{", "[1,]", "\ufeff[]", "[" * 100_000, '{"a":' * 100_000, "[" * 65 + "]" * 65]


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_no_json(strict):
    for text in WRONG:
        with pytest.raises(ValueError):
            parse_json(text, strict)
        with pytest.raises(ValueError):
            parse_json(text.encode(), strict)
    for data in (b'"\xff"', json.dumps("a").encode("utf-16")):
        with pytest.raises(ValueError):
            parse_json(data, strict)


def test_strictness():
    for text, message in LAX.items():
        parse_json(text)
        with pytest.raises(ValueError, match=message):
            parse_json(text, strict=True)
    # A command line that is not UTF-8 is in run.json with halves of characters.
    assert parse_json(json.dumps("\udcff")) == "\udcff"
    with pytest.raises(ValueError, match="surrogates"):
        parse_json(json.dumps("\udcff"), strict=True)
    value = {"a": [1, 2.5, None, True], "b": {"ä": "ö"}}
    assert parse_json(json.dumps(value).encode(), strict=True) == value


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    kinds = {"pipe": "a named pipe", "zero": "a device", ".": "a folder"}
    for name, kind in kinds.items():
        for read in (open_regular, read_json):
            with pytest.raises(NotRegularError, match=f"it is {kind}, not a regular file"):
                read(tmp_path / name)
    (tmp_path / "a").write_text("[1]")
    (tmp_path / "link").symlink_to("a")
    assert read_json(tmp_path / "link") == [1]
