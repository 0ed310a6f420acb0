"""Makes a `VideoError` of whatever a decoder raises."""

import contextlib
import os
from collections.abc import Callable, Iterator

from gsf_tf.errors import VideoError


@contextlib.contextmanager
def clip_errors(
    path: str | os.PathLike,
    frames_decoded: int | Callable[[], int] = 0,
    what: str = "decoding failed",
) -> Iterator[None]:
    """Turns any error of the statements inside into the `VideoError` of a clip.

    Decoders meet damage that nobody has thought of, and their Python bindings then raise errors of
    any type. One clip must not end a job, so every `Exception` counts as a fault of the clip.
    Ctrl-C and the end of the process are no `Exception`s and pass.

    Args:
        path: The clip.
        frames_decoded: Number of frames that were decoded so far, or a function that returns it.
        what: What has failed, the beginning of the reason.
    """
    try:
        yield
    except VideoError:
        raise
    except Exception as error:
        count = frames_decoded() if callable(frames_decoded) else frames_decoded
        raise VideoError(path, f"{what} ({describe(error)})", count) from error


def describe(error: BaseException) -> str:
    """Returns what an error says, in one line of printable text."""
    text = getattr(error, "strerror", None) or str(error)
    text = " ".join(text.encode(errors="backslashreplace").decode().split())
    return text[:200] or type(error).__name__
