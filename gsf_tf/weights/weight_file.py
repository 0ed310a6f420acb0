import contextlib
import dataclasses
import hashlib
import os
import pathlib
import socket
import tempfile
import threading
import urllib.error

import keras

from gsf_tf.errors import CheckpointError, UserError

CACHE = "gsf_tf"  # Folder in Keras' own, beside `models` and `datasets`.
TIMEOUT = 30.0  # Seconds without an answer; without it, a silent server would be awaited forever.
_ONE_AT_A_TIME = threading.Lock()  # The timeout of sockets is one for all threads.


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """A published file of weights, which is downloaded when it is needed for the first time.

    The file is kept as it is in the folder `gsf_tf` of Keras' cache (`$KERAS_HOME`, by default
    `~/.keras`), and `keras.utils.get_file` downloads it, so that proxies are respected
    (`https_proxy`). Its SHA-256 is compared at every use. It is read by `read_torch_file`, which
    runs nothing that is in it; so its owner need not be trusted.

    Args:
        url: Address of the file. The last part is the name of the file in the cache.
        sha256: SHA-256 of the file, in hexadecimal digits, or its first eight or more digits, as in
            the names of PyTorch's files.
        license: Under which license it is published.
        title: What a table says of the source, in Markdown.

    Raises:
        ValueError: If `sha256` is not 8 to 64 lowercase hexadecimal digits.

    Example:

    ```python
    file = gsf_tf.weights.WeightFile(
        "https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
        sha256="11ad3fa6",
        license="BSD-3-Clause",
        title="torchvision, IMAGENET1K_V2",
    )
    print(file.cached)  # ~/.keras/gsf_tf/resnet50-11ad3fa6.pth; file.path() downloads it
    ```
    """

    url: str
    sha256: str
    license: str
    title: str

    def __post_init__(self):
        if not 8 <= len(self.sha256) <= 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(
                "`sha256` must be 8 to 64 lowercase hexadecimal digits. Received: "
                f"sha256={self.sha256!r}"
            )

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]

    @property
    def cached(self) -> pathlib.Path:
        """Where the file is kept, whether it is there or not."""
        home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
        return pathlib.Path(os.path.expanduser(home), CACHE, self.name)

    def path(self) -> pathlib.Path:
        """Returns the path of the file, which is downloaded if the cache does not have it.

        A download that breaks off leaves nothing behind; the next call starts it again.

        Raises:
            UserError: If the file can be neither found nor downloaded, or the cache cannot be
                written. The message says where to put a file that was downloaded by hand.
            CheckpointError: If the file that was downloaded is not the one that was published.
        """
        with _ONE_AT_A_TIME:
            if not (self.cached.is_file() and _sha256(self.cached).startswith(self.sha256)):
                self._fill_cache()
        return self.cached

    def _fill_cache(self):
        try:
            self.cached.parent.mkdir(parents=True, exist_ok=True)
            partial = tempfile.TemporaryDirectory(dir=self.cached.parent, prefix=f".{self.name}.")
        except OSError as error:
            raise UserError(
                self._advice(f"a cache that cannot be written ({error})")
                + " The environment variable KERAS_HOME names another cache."
            ) from error
        with partial as folder:
            downloaded = self._download(folder)
            received = _sha256(downloaded)
            if not received.startswith(self.sha256):
                raise CheckpointError(
                    self._advice(f"another file, with the SHA-256 {received}; it was deleted")
                )
            # Under its name only when it is complete: another process may read it.
            os.replace(downloaded, self.cached)

    def _download(self, folder):
        try:
            with _timeout(TIMEOUT):
                return keras.utils.get_file(self.name, self.url, cache_subdir=folder)
        except Exception as error:  # Keras raises no narrower class.
            raise UserError(self._advice(_reason(error))) from error

    def _advice(self, received):
        return (
            f"{self.url} must be the published file (SHA-256 {self.sha256}). Received: {received}. "
            f"Download it in another way and put it at {self.cached}."
        )


@contextlib.contextmanager
def _timeout(seconds):
    """Bounds the time for which sockets wait, since `get_file` has no argument for it."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _reason(error):
    """Returns the cause of an error of `get_file`, which replaces that of urllib."""
    cause = error.__context__ if isinstance(error.__context__, urllib.error.URLError) else error
    if isinstance(cause, urllib.error.HTTPError):
        return str(cause)
    text = str(getattr(cause, "reason", cause)).strip()
    return f"no file ({text or type(cause).__name__})"


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
