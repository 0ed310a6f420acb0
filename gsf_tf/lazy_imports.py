"""Packages whose names are imported when they are first used, and yet are seen by every tool."""

import ast
import importlib
import sys
from collections.abc import Callable


def lazy_imports(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Returns the functions `__getattr__` and `__dir__` of a package.

    The package imports its names in a block `if TYPE_CHECKING:`. Editors, type checkers and the
    API reference read that block; at run time it is skipped, and `__getattr__` executes the import
    of a single name when the name is first used. So every name is written once, as an import.

    Args:
        package: `__name__` of the package, whose source has one such block with imports of the
            form `from module import name`.

    Example:

    ```python
    if TYPE_CHECKING:
        from gsf_tf.evaluation.predictor import Predictor

    __all__ = ["Predictor"]
    __getattr__, __dir__ = lazy_imports(__name__)
    ```
    """
    modules = _type_checking_imports(package)

    def import_name(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if modules[name] == package:
            return importlib.import_module(f"{package}.{name}")
        value = getattr(importlib.import_module(modules[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted(sys.modules[package].__all__)

    return import_name, list_names


def _type_checking_imports(package):
    """Returns a dictionary from each name to the module that it is imported from."""
    tree = ast.parse(sys.modules[package].__spec__.loader.get_source(package))
    return {
        alias.name: statement.module
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for alias in statement.names
    }
