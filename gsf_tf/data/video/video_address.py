"""Where a video comes from: a file, a camera of this machine, or an address in a network."""

import os
import re
import stat
from urllib.parse import unquote

# What may be typed; nothing else is ever opened over a network.
SCHEMES = ("http", "https", "rtsp", "rtsps")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_HIDDEN = "***"
# Words behind which a path has what is secret, as in /user=admin_password=x_channel=1.
_SECRET_WORD = re.compile(
    "(?:user(?:name)?|usr|login|pass(?:w(?:or)?d|phrase)?|pwd?|token|key|auth|secret|sig(?:nature)?"
    "|session|credentials?)(?![a-z])",
    re.IGNORECASE,
)
# Names that are no file's, but rather an address with a mistake: rtsp:/me:secret@camera/1.
_LIKE_ADDRESS = re.compile(
    rf"\W*(?:(?:{'|'.join(SCHEMES)})\s*(?:[:;]|[/\\]{{2}})|[a-z][a-z0-9+.-]+\s*:\s*[/\\])|.*:.*@"
    rf"|.*{_SECRET_WORD.pattern}\s*[=:]",
    re.IGNORECASE | re.DOTALL,
)


def scheme_of(address: str | os.PathLike) -> str | None:
    """Returns the scheme of an address such as `rtsp://camera/1`, None for the name of a file."""
    match = _SCHEME.match(os.fspath(address))
    return match[1].lower() if match else None


def is_device(address: str | os.PathLike) -> bool:
    """Returns whether a path names a device, such as a camera, or would do so if it were there."""
    path = os.fspath(address)
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except (OSError, ValueError):  # A name with a null byte is a ValueError.
        return os.path.abspath(path).startswith("/dev/video")


def printable_address(address: str | os.PathLike) -> str:
    """Returns an address without what may be secret.

    Left out are the user, the password, the query, the fragment, and a path with a word such as
    "password" or "token". Where an `@` behind the host may belong to a password, only the host is
    left. Of a name that no file has and that is rather an address with a mistake, nothing is.
    """
    text = os.fspath(address)
    scheme = scheme_of(text)
    if scheme is None:
        return text if _is_there(text) or not _LIKE_ADDRESS.match(text) else _HIDDEN
    rest = text[len(scheme) + len("://") :]
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    secret, _, host = authority.rpartition("@")
    behind = rest[len(authority) :]
    path = re.split("[?#]", behind, maxsplit=1)[0]
    if "@" in behind:
        # The password may have a / in it, and the host be a part of it: rtsp://me:a/b@camera.
        host = _plain_host(host) if not secret else _HIDDEN
        return f"{scheme}://{host}"
    if _SECRET_WORD.search(unquote(path)):
        path = f"/{_HIDDEN}"
    return f"{scheme}://{_HIDDEN + '@' if secret else ''}{host}{path}"


def _is_there(path):
    try:
        return os.path.lexists(path)
    except ValueError:  # A null byte.
        return False


def _plain_host(text):
    """Returns a host without its port, and what stands for one that may be a user's name."""
    host = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[\w-]+(?:\.[\w-]+)+)(?::\d*)?", text)
    return host[1] if host else _HIDDEN
