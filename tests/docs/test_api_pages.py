"""The API reference has every public name once, under the package that exports it."""

import importlib
import inspect
import pathlib
import pkgutil
import re
import sys

import pytest

import gsf_tf

PAGES = pathlib.Path(__file__).parents[2] / "docs" / "api"
DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)


def public_packages():
    """Returns the packages of `gsf_tf` that export names, by their names."""
    modules = (
        importlib.import_module(f"gsf_tf.{info.name}")
        for info in pkgutil.iter_modules(gsf_tf.__path__)
        if info.ispkg
    )
    return {module.__name__: module for module in modules if hasattr(module, "__all__")}


PACKAGES = public_packages()


def test_the_packages_are_found():
    assert {"gsf_tf.data", "gsf_tf.layers", "gsf_tf.models", "gsf_tf.ops"} <= PACKAGES.keys()


def directive(package, public):
    """Returns the path by which mkdocstrings finds a name.

    `gsf_tf.ops.temporal_shift` is the function in Python, but the module of that name in files.
    """
    path = f"{package.__name__}.{public}"
    module = getattr(getattr(package, public), "__module__", None)
    return f"{path}.{public}" if module == path else path


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_page_has_the_names_of_its_package(name):
    package = PACKAGES[name]
    page = PAGES / f"{name.removeprefix('gsf_tf.')}.md"
    on_page = DIRECTIVE.findall(page.read_text(encoding="utf-8"))
    assert sorted(on_page) == sorted(directive(package, public) for public in package.__all__)
    for public in package.__all__:
        value = getattr(package, public)
        assert not callable(value) or inspect.getdoc(value), public


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda path: path.name)
def test_every_name_of_a_page_exists(page):
    for name in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
        module, _, public = name.rpartition(".")
        assert hasattr(sys.modules.get(module) or importlib.import_module(module), public), name
