"""What an address names, and what of it may be printed."""

import pytest

from gsf_tf.data.video.video_address import is_device, printable_address, scheme_of


@pytest.mark.parametrize(
    ("address", "scheme", "printed"),
    [
        ("rtsp://me:secret@camera:554/1", "rtsp", "rtsp://***@camera:554/1"),
        ("HTTP://me:sec@ret@host/a.ts?token=secret#secret", "http", "http://***@host/a.ts"),
        ("http://host/a?pass=secret", "http", "http://host/a"),
        ("rtsp://me:sec/r?et@host/a", "rtsp", "rtsp://***@host/a"),
        ("http://[::1]:80/a", "http", "http://[::1]:80/a"),
        ("12:30.mp4", None, "12:30.mp4"),
        ("c://x", None, "c://x"),
    ],
)
def test_addresses(address, scheme, printed):
    assert scheme_of(address) == scheme
    assert printable_address(address) == printed


def test_devices():
    assert is_device("/dev/video99") and is_device("/dev/null")
    assert not is_device("video.mp4") and not is_device("a\0b")
