"""Nothing is installed without the hash of its file."""

import pathlib
import re

import pytest

REPOSITORY = pathlib.Path(__file__).parents[2]
LOCKS = sorted((REPOSITORY / "locks").glob("*.txt"))
ENTRY = re.compile(r"([\w.-]+)(\[[\w,-]+\])?==([\w.+]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)")


def versions(path):
    """Name to version of each package in a lock, or in a file of constraints."""
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
    if path.parent.name != "locks":
        return {plain(name): version for name, version in re.findall(r"(\S+)==(\S+)", text)}
    entries = re.split(r"\n(?! )", text.strip())
    found = [ENTRY.fullmatch(entry) for entry in entries]
    assert all(found), entries[found.index(None)]
    return {plain(match[1]): match[3] for match in found}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name):
    return versions(REPOSITORY / "locks" / f"{name}.txt")


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_versions_and_hashes_and_no_index(path):
    assert versions(path)
    assert "://" not in path.read_text()


def test_the_locks_have_the_pinned_versions():
    pinned = versions(REPOSITORY / "constraints.txt")
    pinned["torch"] = f"{pinned['torch']}+cpu"
    stack = {**locked("build"), **locked("setup"), **locked("torch-cpu"), **locked("bench")}
    assert {name: pinned.get(name, version) for name, version in stack.items()} == stack
    assert pinned.keys() - stack.keys() <= {"tzdata"}
    newest = versions(REPOSITORY / "constraints-tf221.txt")
    stack = locked("tf221")
    assert {name: newest.get(name, version) for name, version in stack.items()} == stack
    assert locked("build").items() <= locked("tf221").items()


def test_every_installation_by_make_asks_for_hashes():
    for name in ("Makefile", ".ci/run", ".ci/tf221", ".ci/sanitize"):
        text = (REPOSITORY / name).read_text().replace("\\\n", " ")
        text = text.replace("$(LOCKED)", "$(INSTALL) --require-hashes -r")
        for line in text.splitlines():
            if re.search(r"pip\"? install|\$\(INSTALL\)", line) and not re.match(r"#|\w+ :=", line):
                assert "--require-hashes" in line or "--no-deps" in line, line
