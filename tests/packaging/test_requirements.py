"""The versions of Keras that the package accepts."""

import ast
import pathlib
import re

import pytest
from packaging.requirements import Requirement

REPOSITORY = pathlib.Path(__file__).parents[2]

# With published holes in `load_model` (SECURITY.md): the last version of each series before it was
# mended, and the first ones.
WITH_HOLES = (
    "3.5.0 3.7.0 3.8.0 3.9.2 3.10.0 3.11.2 3.11.3 3.12.0 3.12.3 3.13.0 3.13.2 3.14.1 3.15.0"
)


def keras_requirements():
    tree = ast.parse((REPOSITORY / "setup.py").read_text())
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    found = (text for text in texts if isinstance(text, str) and text.startswith("keras>"))
    return [Requirement(text) for text in found]


def accepts(python, version):
    """Whether exactly one requirement is for a version of Python and accepts one of Keras."""
    (requirement,) = (
        requirement
        for requirement in keras_requirements()
        if requirement.marker.evaluate({"python_version": python})
    )
    return version in requirement.specifier


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_no_version_of_keras_with_a_published_hole(python):
    assert not [version for version in WITH_HOLES.split() if accepts(python, version)]
    assert accepts(python, "3.12.4" if python == "3.10" else "3.15.1")


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-tf221.txt"])
def test_the_pinned_keras_is_accepted(name):
    pinned = re.search(r"^keras==(.*)$", (REPOSITORY / name).read_text(), re.MULTILINE)[1]
    assert accepts("3.11", pinned)
