"""The JavaScript that a page needs: LiteRT.js runs the model, Mediabunny reads videos."""

import base64
import dataclasses
import os
import pathlib
import tarfile
from collections.abc import Mapping

from gsf_tf.files.published_file import PublishedFile

# npm's own variable for another registry, such as a mirror.
REGISTRY_VARIABLE = "NPM_CONFIG_REGISTRY"
REGISTRY = "https://registry.npmjs.org"


@dataclasses.dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry in one version.

    Attributes:
        name: Its name.
        version: Its version.
        integrity: Its SHA-512 in Base64, as the registry and lock files of npm have it.
        members: What is taken of it: path in the archive to path in the folder of the libraries.
    """

    name: str
    version: str
    integrity: str
    members: Mapping[str, str]

    @property
    def file(self) -> PublishedFile:
        """The archive, under the name that `npm pack` gives it."""
        scope_free = self.name.rpartition("/")[2]
        flat = self.name.removeprefix("@").replace("/", "-")
        registry = os.environ.get(REGISTRY_VARIABLE) or os.environ.get(REGISTRY_VARIABLE.lower())
        return PublishedFile(
            f"{(registry or REGISTRY).rstrip('/')}/{self.name}/-/{scope_free}-{self.version}.tgz",
            f"{flat}-{self.version}.tgz",
            base64.b64decode(self.integrity).hex(),
            "sha512",
        )

    def unpack(self, folder: pathlib.Path) -> None:
        """Writes the members into a folder; downloads the archive if the cache does not have it.

        Raises:
            UserError: As `PublishedFile.path`.
        """
        with tarfile.open(self.file.path(), "r:gz") as archive:
            for member, target in self.members.items():
                path = folder / target
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.extractfile(f"package/{member}").read())


# LiteRT.js chooses one of the builds: with relaxed SIMD, with threads too, or with neither.
_BUILDS = ("litert_wasm_internal", "litert_wasm_threaded_internal", "litert_wasm_compat_internal")
_WASM = [f"wasm/{build}.{ending}" for build in _BUILDS for ending in ("js", "wasm")]

PAGE_LIBRARIES = (
    NpmPackage(
        "@litertjs/core",
        "2.5.3",
        "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
        {"dist/index.js": "litertjs/index.js", **{name: f"litertjs/{name}" for name in _WASM}},
    ),
    NpmPackage(
        "@litertjs/wasm-utils",
        "2.5.3",
        "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
        {"dist/index.js": "litertjs/wasm_utils.js"},
    ),
    NpmPackage(
        "mediabunny",
        "1.61.0",
        "WciPOYwKZwgYkoBKcEK6JzzIf+w5whypPzFdOihOylZ/5Qv19FmNfRnTcaprH+jD136YpEASU30Eb6VNCJiz3A==",
        {
            "dist/bundles/mediabunny.min.mjs": "mediabunny/mediabunny.js",
            "LICENSE": "mediabunny/LICENSE",
        },
    ),
)
