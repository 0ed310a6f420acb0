"""Published files, which are downloaded when they are needed, verified and kept."""

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

from gsf_tf.errors import UserError

CACHE = "gsf_tf"  # Folder in Keras' own, beside `models` and `datasets`.
TIMEOUT = 30.0  # Seconds without an answer; without it, a silent server would be awaited forever.
_ONE_AT_A_TIME = threading.Lock()  # The timeout of sockets is one for all threads.
_TITLES = {"sha256": "SHA-256", "sha512": "SHA-512"}


@dataclasses.dataclass(frozen=True)
class PublishedFile:
    """A file of known content, in the folder `gsf_tf` of Keras' cache or at an address.

    Args:
        url: Address of the file.
        name: Its name in the cache.
        digest: Its hash in hexadecimal digits, or the first ones of them.
        algorithm: `"sha256"` or `"sha512"`.
        other_content: Class of the error for a file of another content, a `UserError`.
    """

    url: str
    name: str
    digest: str
    algorithm: str = "sha256"
    other_content: type[UserError] = UserError

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
            UserError: As `other_content`, if the file that was downloaded is not the one that was
                published.
        """
        with _ONE_AT_A_TIME:
            if not (self.cached.is_file() and self._digest_of(self.cached).startswith(self.digest)):
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
            received = self._digest_of(downloaded)
            if not received.startswith(self.digest):
                title = _TITLES[self.algorithm]
                raise self.other_content(
                    self._advice(f"another file, with the {title} {received}; it was deleted")
                )
            # Under its name only when it is complete: another process may read it.
            os.replace(downloaded, self.cached)

    def _download(self, folder):
        try:
            with _timeout(TIMEOUT):
                return keras.utils.get_file(self.name, self.url, cache_subdir=folder)
        except Exception as error:  # Keras raises no narrower class.
            raise UserError(self._advice(_reason(error))) from error

    def _digest_of(self, path):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, self.algorithm).hexdigest()

    def _advice(self, received):
        return (
            f"{self.url} must be the published file ({_TITLES[self.algorithm]} {self.digest}). "
            f"Received: {received}. Download it in another way and put it at {self.cached}."
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
