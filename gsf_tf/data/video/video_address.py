"""Where a video comes from: a file, a camera of this machine, or an address in a network."""

import os
import re
import stat

# What may be typed; nothing else is ever opened over a network.
SCHEMES = ("http", "https", "rtsp", "rtsps")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


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
    """Returns an address without what may be secret: user, password, query and fragment."""
    text = os.fspath(address)
    if scheme_of(text) is None:
        return text
    scheme, _, rest = text.partition("://")
    # All up to the last @, because a password may hold any character.
    secret, _, rest = rest.rpartition("@")
    return f"{scheme.lower()}://{'***@' if secret else ''}{re.split('[?#]', rest)[0]}"
