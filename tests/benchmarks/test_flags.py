"""The tests of benchmarks run in one process, where each flag can be defined once."""

import ast
import collections
import pathlib

import benchmarks

TESTS = pathlib.Path(__file__).parent
MODULES = pathlib.Path(benchmarks.__file__).parent


def imported(name, seen):
    """Adds the names of a module of `benchmarks` and of those that it imports."""
    file = MODULES.joinpath(*name.split(".")[1:]).with_suffix(".py")
    if name not in seen and file.exists():
        seen.add(name)
        for other in names_of(file):
            imported(other, seen)


def names_of(file):
    """Returns the modules of `benchmarks` that a file imports when it is imported."""
    nodes = ast.parse(file.read_text()).body
    of = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    names = [node.module for node in of]
    names += [f"{node.module}.{alias.name}" for node in of for alias in node.names]
    names += [a.name for node in nodes if isinstance(node, ast.Import) for a in node.names]
    return [name for name in names if name.startswith("benchmarks.")]


def flags_of(name):
    """Returns the names of the flags that a module defines."""
    file = MODULES.joinpath(*name.split(".")[1:]).with_suffix(".py")
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return [
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr.startswith("DEFINE_")
    ]


def test_no_two_modules_that_the_tests_import_define_one_flag():
    seen = set()
    for test in TESTS.glob("test_*.py"):
        for name in names_of(test):
            imported(name, seen)
    places = collections.defaultdict(list)
    for name in seen:
        for flag in flags_of(name):
            places[flag].append(name)
    assert "clips" in places, "no flag was found"
    assert {flag: names for flag, names in places.items() if len(names) > 1} == {}
