"""What an address names, and what of it may be printed."""

import pytest

from gsf_tf.data.video.video_address import is_device, printable_address, scheme_of


@pytest.mark.parametrize(
    ("address", "scheme", "printed"),
    [
        ("rtsp://me:secret@camera:554/1", "rtsp", "rtsp://***@camera:554/1"),
        ("HTTP://me:sec@ret@host/a.ts?token=secret#secret", "http", "http://***@host/a.ts"),
        ("http://cam.example:80/live?user=me@x&password=secret", "http", "http://cam.example"),
        ("http://[::1]:80/a?b=me@x", "http", "http://[::1]"),
        ("rtsp://me:sec/ret@host/a", "rtsp", "rtsp://***"),
        ("rtsp://me:sec@ret/se@host/a", "rtsp", "rtsp://***"),
        (
            "rtsp://10.0.0.9:554/user=admin&password=secret&channel=1&stream=0.sdp?",
            "rtsp",
            "rtsp://10.0.0.9:554/***",
        ),
        ("rtsp://cam/user=me_password=secret_channel=1", "rtsp", "rtsp://cam/***"),
        ("http://cam/api/TOKEN/secret/1", "http", "http://cam/***"),
        ("http://cam/live;%70assword:secret", "http", "http://cam/***"),
        ("http://cam/users/keyboard.ts", "http", "http://cam/users/keyboard.ts"),
        ("rtps://me:secret@cam/1", "rtps", "rtps://***@cam/1"),
        ("rtsp:/me:secret@cam/1", None, "***"),
        (" rtsp://me:secret@cam/1", None, "***"),
        ("rtsp//cam/secret", None, "***"),
        ("me:secret@cam/1", None, "***"),
        ("10.0.0.9/user=me&password=secret", None, "***"),
        ("rtsp;//cam/secret", None, "***"),
        ("videos/user/me@home.mp4", None, "videos/user/me@home.mp4"),
        ("http/rtsp.mp4", None, "http/rtsp.mp4"),
        ("http://host/a?pass=secret", "http", "http://host/a"),
        ("rtsp://me:sec/r?et@host/a", "rtsp", "rtsp://***"),
        ("http://[::1]:80/a", "http", "http://[::1]:80/a"),
        ("12:30.mp4", None, "12:30.mp4"),
        ("c://x", None, "c://x"),
    ],
)
def test_addresses(address, scheme, printed):
    assert scheme_of(address) == scheme
    assert printable_address(address) == printed


def test_a_file_that_is_there_keeps_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "12:30 me@home.mp4").touch()
    assert printable_address("12:30 me@home.mp4") == "12:30 me@home.mp4"
    assert printable_address("12:31 me@home.mp4") == "***"


def test_devices():
    assert is_device("/dev/video99") and is_device("/dev/null")
    assert not is_device("video.mp4") and not is_device("a\0b")
