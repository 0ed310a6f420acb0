"""The container formats that are read, and the names of those that are not."""

import os
import re
import threading

import av

# FFmpeg's names. Each of these formats is read from one file. What FFmpeg knows beyond them opens
# other files or addresses (playlists, descriptions of streams, numbered pictures), draws text, or
# is of no use for labeled clips. Sound is read to say that it holds no video.
VIDEO_FORMATS = tuple(
    "3gp apng asf avi dv flv gif h264 hevc ivf m4v matroska mjpeg mov mp4 mpeg mpegts mpegvideo "
    "mxf obu ogg webm yuv4mpegpipe".split()
)
PICTURE_FORMATS = ("bmp_pipe", "jpeg_pipe", "png_pipe", "tiff_pipe", "webp", "webp_pipe")
SOUND_FORMATS = ("aac", "flac", "mp3", "wav")

# The demuxers of these formats look at the name of a file too, which FFmpeg is not told.
_BY_THEIR_BEGINNING = ((rb"#EXTM3U", "hls"), (rb"<[^\0]*<MPD|<MPD", "dash"))

_BYTES_LOOKED_AT = 4096

# Sound, subtitles and covers included; FFmpeg may make a table of all packets for each.
_MAX_STREAMS = 64
_logging = threading.Lock()


def container_options(file: int) -> dict[str, str]:
    """Returns the options with which FFmpeg reads an open file, and opens nothing else.

    FFmpeg gets the number of the file and not its name. `fd` is the only protocol that it may use,
    so whatever a file refers to cannot be opened. It compares the format with the list after it has
    looked at the first bytes, and before the format's own code runs.

    Args:
        file: A file descriptor.
    """
    formats = (*VIDEO_FORMATS, *PICTURE_FORMATS, *SOUND_FORMATS)
    return {
        "fd": str(file),
        "protocol_whitelist": "fd",
        "format_whitelist": ",".join(formats),
        "max_streams": str(_MAX_STREAMS),
    }


def refused_format(file: int, error: Exception) -> str | None:
    """Returns FFmpeg's name of the format of a file that it refuses to read, `None` if unknown.

    Args:
        file: A file descriptor.
        error: What opening the file has raised.
    """
    beginning = os.pread(file, _BYTES_LOOKED_AT, 0).removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, name in _BY_THEIR_BEGINNING:
        if re.match(pattern, beginning):
            return name
    if not isinstance(error, av.error.ArgumentError):
        return None  # A format that is not in the list is an invalid argument.
    os.lseek(file, 0, os.SEEK_SET)
    # FFmpeg tells the name in its log only.
    with _logging, av.logging.Capture() as log:
        level, skip = av.logging.get_level(), av.logging.get_skip_repeated()
        av.logging.set_level(max(level or 0, av.logging.ERROR))
        av.logging.set_skip_repeated(False)
        try:
            av.open("fd:", container_options=container_options(file)).close()
        except Exception:  # The same one as before, of which the log is wanted.
            pass
        finally:
            av.logging.set_level(level)
            av.logging.set_skip_repeated(skip)
    return next((name for _, name, text in log if "not on whitelist" in text), None)
