"""Every public name: tools can see it, it has a docstring, and its signatures are annotated."""

import ast
import importlib
import inspect
import pathlib
import subprocess
import sys

import pytest

import gsf_tf

ROOT = pathlib.Path(gsf_tf.__file__).parent
# Methods whose meaning Keras or Python defines: they need annotations, but no docstring.
OVERRIDES = {
    "build",
    "call",
    "compute_output_shape",
    "compute_output_spec",
    "from_config",
    "get_config",
}


def has_all(path):
    return any(
        isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"
        for statement in ast.parse(path.read_text()).body
    )


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


PATHS = {module_name(path): path for path in sorted(ROOT.rglob("*.py")) if has_all(path)}
# `recipes.config_dict` passes on two names of another package.
PUBLIC = [
    (module, name)
    for module in PATHS
    for name in importlib.import_module(module).__all__
    if module != "gsf_tf.recipes.config_dict"
]


def statically_defined(path):
    """The names that a tool finds without running the code; it reads TYPE_CHECKING blocks, too."""
    names = set()
    statements = ast.parse(path.read_text()).body
    while statements:
        statement = statements.pop()
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            statements += statement.body
        elif isinstance(statement, ast.Try):
            statements += statement.body
        elif isinstance(statement, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in statement.names)
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Assign):
            names.update(ast.unparse(target) for target in statement.targets)
    return names


def public_methods(cls):
    """The public methods of a class that gsf_tf defines, with their names; properties too."""
    for base in cls.__mro__:
        if not base.__module__.startswith("gsf_tf"):
            continue
        for name, member in vars(base).items():
            if isinstance(member, property):
                member = member.fget
            member = inspect.unwrap(getattr(member, "__func__", member))
            is_public = not name.startswith("_") or name in ("__init__", "__call__", "__len__")
            if is_public and inspect.isfunction(member):
                yield f"{base.__name__}.{name}", member


def lacks(function):
    """The parameters of a function without annotation, and "return"."""
    signature = inspect.signature(function)
    missing = [
        name
        for name, parameter in signature.parameters.items()
        if name not in ("self", "cls") and parameter.annotation is inspect.Parameter.empty
    ]
    if signature.return_annotation is inspect.Signature.empty and function.__name__ != "__init__":
        missing.append("return")
    return missing


def test_every_subpackage_has_public_names():
    values = {name: getattr(gsf_tf, name) for name in gsf_tf.__all__}
    packages = {f"gsf_tf.{name}" for name, value in values.items() if inspect.ismodule(value)}
    assert values.keys() - {"Predictor"} == {name.removeprefix("gsf_tf.") for name in packages}
    assert packages | {"gsf_tf"} <= set(PATHS)


@pytest.mark.parametrize("module", PATHS)
def test_tools_see_the_names(module):
    names = importlib.import_module(module).__all__
    assert len(set(names)) == len(names)
    assert set(names) <= statically_defined(PATHS[module])
    assert set(names) <= set(dir(importlib.import_module(module)))


@pytest.mark.parametrize("module, name", PUBLIC)
def test_name(module, name):
    value = getattr(importlib.import_module(module), name)
    functions = []
    if inspect.isclass(value):
        functions = list(public_methods(value))
    elif callable(value):
        functions = [(name, inspect.unwrap(value))]
    else:  # A module or a constant, which has no docstring of its own unless it is a module.
        assert not inspect.ismodule(value) or value.__doc__
        return
    assert (vars(value) if inspect.isclass(value) else {"__doc__": value.__doc__})["__doc__"]
    missing = {function: lacks(member) for function, member in functions if lacks(member)}
    assert not missing
    undocumented = [
        function
        for function, member in functions
        if not inspect.getdoc(member)
        and not member.__name__.startswith("__")
        and member.__name__ not in OVERRIDES
    ]
    assert not undocumented


def test_unknown_name():
    for module in ("gsf_tf", "gsf_tf.data", "gsf_tf.evaluation", "gsf_tf.analysis"):
        with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
            getattr(importlib.import_module(module), "nothing")  # noqa: B009


def test_decoding_process_starts_without_tensorflow():
    program = (
        "import sys, gsf_tf.data, gsf_tf.evaluation\n"
        "gsf_tf.data.VideoInfo, gsf_tf.data.VideoError, gsf_tf.data.read_frames, gsf_tf.errors\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    environment = {"GSF_TF_DECODING_PROCESS": "1", "PYTHONPATH": str(ROOT.parent)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
