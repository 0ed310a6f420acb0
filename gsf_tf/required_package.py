import importlib.util

from gsf_tf.errors import UserError


def require_package(package: str, extra: str, purpose: str) -> None:
    """Checks that an optional package is installed.

    Args:
        package: Its name in `import`.
        extra: The extra of gsf_tf that installs it.
        purpose: What needs it, in the plural.

    Raises:
        UserError: If it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f"{purpose} need the package {package!r}, which is not installed. Install it with "
            f"pip install 'gsf_tf[{extra}]'."
        )
