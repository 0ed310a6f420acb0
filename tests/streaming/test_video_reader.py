"""Videos that may not end: what comes of them, and what is said when they break."""

import base64
import os
import shutil
import signal
import threading
import time

import av
import numpy as np
import pytest

from gsf_tf.data.demo_clips import write_video
from gsf_tf.data.video.broken_connection import BrokenConnection
from gsf_tf.data.video.video_connection import open_connection
from gsf_tf.errors import UserError
from gsf_tf.streaming import frame_sampler
from gsf_tf.streaming.filled_folder import FilledFolder
from gsf_tf.streaming.sampled_frame import SampledFrame
from gsf_tf.streaming.stream_settings import StreamSettings
from gsf_tf.streaming.video_reader import VideoReader, _Video
from tests.streaming.stream_server import (
    FRAME_RATE,
    StreamServer,
    moving_picture,
    transport_stream,
)
from trainers.watch_loop import SignalStop

SETTINGS = {"rate": 8.0, "image_size": (32, 32), "short_side": 48, "queue": 100, "pause": 0.05}


def read(address, **settings):
    """Returns the frames and the events of an address."""
    with VideoReader(address, StreamSettings(**{**SETTINGS, **settings})) as reader:
        items = list(reader.items())
        assert reader.dropped == 0
    frames = [item for item in items if isinstance(item, SampledFrame)]
    return frames, [item for item in items if not isinstance(item, SampledFrame)]


def kinds(events):
    return [event.kind for event in events]


def pictures(count):
    return np.stack([moving_picture(i) for i in range(count)])


@pytest.fixture
def video(tmp_path):
    write_video(tmp_path / "a.mp4", pictures(24), FRAME_RATE)
    return str(tmp_path / "a.mp4")


def test_every_tick_of_a_file_has_its_frame_however_slow_the_model_is(video):
    frames, events = read(video, rate=4.0, queue=1)
    assert kinds(events) == ["begin", "end"]
    assert [frame.tick for frame in frames] == list(range(6))
    for frame in frames:
        assert frame.seconds == frame.tick / 4 and frame.video == video
        assert frame.pixels.shape == (32, 32, 3) and frame.picture is None
    # The compression changes little: frame 4 k of the video is that of tick k.
    shown, _ = read(video, rate=4.0, picture_side=48)
    errors = np.abs([f.picture.astype(int) - pictures(24) for f in shown]).mean((2, 3, 4))
    assert list(errors.argmin(1)) == [0, 4, 8, 12, 16, 20]


def test_a_broken_stream_is_connected_again_and_every_second_comes_once():
    server = StreamServer(frames=24, break_at=12)
    with server.running() as address:
        frames, events = read(address, reconnects=1)
    assert [frame.tick for frame in frames] == list(range(12))
    assert kinds(events) == ["begin", "broken", "connected", "broken", "failed", "end"]
    assert "404 Not Found, and no new frame came (tries: 1)" in events[-2].text
    assert server.connections == 3


def test_a_silent_stream_counts_as_broken_and_a_signal_ends_the_waiting():
    server = StreamServer(frames=16, silence=60)
    before = signal.getsignal(signal.SIGINT)
    with (
        server.running() as address,
        VideoReader(address, StreamSettings(**SETTINGS | {"timeout": 0.5, "pause": 60})) as reader,
        SignalStop(reader.stop),
    ):
        events = []
        for item in reader.items():
            events.append(getattr(item, "kind", None))
            if events[-1] == "broken":
                assert "Nothing came within the timeout. The next try is in 30.0" in item.text
                os.kill(os.getpid(), signal.SIGINT)
    assert "broken" in events
    assert signal.getsignal(signal.SIGINT) is before


def test_passwords_are_used_and_not_printed():
    secret = base64.b64encode(b"me:secret").decode()
    server = StreamServer(frames=8, password=secret)
    with server.running() as address:
        _, wrong = read(address.replace("//", "//me:wrong@") + "?key=wrong")
        assert kinds(wrong) == ["failed", "end"] and "user and the password" in wrong[0].text
        frames, right = read(address.replace("//", "//me:secret@"), reconnects=0)
    assert len(frames) == 4 and right[0].kind == "begin"
    assert all("wrong" not in repr(e) and "secret" not in repr(e) for e in [*wrong, *right])


def test_frames_of_another_size_are_scaled_and_reported(tmp_path):
    path = tmp_path / "two.ts"
    path.write_bytes(transport_stream(16, ((48, 64), (64, 48)))[0])
    frames, events = read(str(path))
    assert [frame.tick for frame in frames] == list(range(8))
    assert kinds(events) == ["begin", "size", "end"]
    assert events[1].text == "The size of the frames changes from 64x48 to 48x64."


def write_packets(path, times, form="mp4"):
    """Encodes a frame for each time, in sixteenths of a second."""
    with av.open(str(path), "w", format=form) as out:
        stream = out.add_stream("libx264", rate=FRAME_RATE)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.options = {"tune": "zerolatency"}
        for i, time_stamp in enumerate(times):
            frame = av.VideoFrame.from_ndarray(moving_picture(i), format="rgb24")
            frame.pts = time_stamp
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def test_whoever_leaves_early_leaves_no_thread(video):
    with VideoReader(video, StreamSettings(**SETTINGS | {"queue": 1})) as reader:
        next(item for item in reader.items() if isinstance(item, SampledFrame))
        time.sleep(0.2)  # The next frame waits, and another one for room.
    reader._thread.join(5)
    assert not reader._thread.is_alive()


def test_pauses_do_not_grow_beyond_all_numbers():
    item = _Video("rtsp://camera/1", StreamSettings(**SETTINGS | {"reconnects": 5000}))
    item.sampler.seconds = 1.0
    stop = threading.Event()
    stop.set()
    (event,) = item._pause(BrokenConnection("it broke"), 2000, stop)
    assert event.text.endswith("The next try is in 30.0 seconds.")


@pytest.mark.parametrize("function", ["display_matrix", "to_rgb"])
def test_a_frame_whose_pixels_cannot_be_read_is_damaged(video, monkeypatch, function):
    real, calls = getattr(frame_sampler, function), []

    def broken(frame, *arguments):
        calls.append(frame)
        if len(calls) == 5:
            raise ValueError("no such format")
        return real(frame, *arguments)

    monkeypatch.setattr(frame_sampler, function, broken)
    frames, events = read(video)
    # The next frame is that of the tick too.
    assert [frame.tick for frame in frames] == list(range(12))
    assert kinds(events) == ["begin", "damaged", "damaged", "end"]
    assert events[2].text == "1 damaged packets or frames were left out."


@pytest.mark.parametrize("error", [av.error.InvalidDataError(1, "x"), ValueError("x")])
def test_a_packet_whose_decoder_raises_any_error_is_damaged(video, error):
    class Packet:
        def decode(self):
            raise error

    with open_connection(video) as connection:
        assert connection._decoded(Packet()) == [] and connection.damaged == 1


def test_a_gap_has_no_frames_and_is_reported(tmp_path):
    write_packets(tmp_path / "gap.mp4", [*range(8), *range(80, 88)])
    frames, events = read(str(tmp_path / "gap.mp4"))
    assert [frame.tick for frame in frames] == [0, 1, 2, 3, 40, 41, 42, 43]
    assert kinds(events) == ["begin", "gap", "end"] and events[1].is_break
    assert events[1].text == "No frame came for 4.56 seconds; the model begins anew."


def test_without_times_frames_are_counted(tmp_path):
    write_packets(tmp_path / "raw.h264", range(25), "h264")
    frames, events = read(str(tmp_path / "raw.h264"))
    # A raw stream states 25 frames per second.
    assert [frame.tick for frame in frames] == list(range(8))
    assert kinds(events) == ["begin", "untimed", "end"]


def test_damage_is_left_out_and_counted(tmp_path):
    data = bytearray(transport_stream(32)[0])
    data[3000:9000] = bytes(6000)
    (tmp_path / "damaged.ts").write_bytes(data)
    frames, events = read(str(tmp_path / "damaged.ts"))
    assert 8 < len(frames) <= 16 and len({frame.tick for frame in frames}) == len(frames)
    assert "damaged" in kinds(events) or "gap" in kinds(events)


def test_a_temporary_file_that_got_its_name_does_not_keep_a_folder_open(tmp_path, video):
    folder = tmp_path / "filled"
    folder.mkdir()
    shutil.copy(video, folder / "part.mp4")
    stop, settings = threading.Event(), StreamSettings(**SETTINGS | {"settle": 0.3, "wait": 0.5})
    threading.Timer(0.2, os.rename, (folder / "part.mp4", folder / "whole.mp4")).start()
    ending = threading.Timer(8, stop.set)
    ending.start()
    assert list(FilledFolder(str(folder), settings, stop).files()) == [str(folder / "whole.mp4")]
    assert not stop.is_set()
    ending.cancel()


def test_files_of_a_folder_come_once_each_when_they_are_complete(tmp_path, video):
    folder = tmp_path / "filled"
    folder.mkdir()
    (folder / "notes.txt").write_text("no video")
    (folder / "b.mp4").write_bytes(b"no video either")

    def fill():
        time.sleep(0.3)
        shutil.copy(video, folder / "c.mp4")

    threading.Thread(target=fill).start()
    frames, events = read(str(folder), settle=0.2, wait=0.6)
    assert [(event.kind, event.video[-5:]) for event in events] == [
        ("failed", "b.mp4"), ("end", "b.mp4"), ("begin", "c.mp4"), ("end", "c.mp4")
    ]  # fmt: skip
    assert [frame.tick for frame in frames] == list(range(12))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.mp4", None, "The file does not exist."),
        ("empty.mp4", b"", "The file has zero bytes."),
        ("text.mp4", b"no video" * 100, "No video format was recognized"),
        ("gopher://host/a", None, "Addresses begin with http, https, rtsp, rtsps, not gopher."),
        ("/dev/video99", None, "No such file or directory."),
        ("/dev/null", None, "Inappropriate ioctl for device."),
        ("http://127.0.0.1:9/a", None, "Connection refused."),
    ],
)
def test_what_is_no_video(tmp_path, name, content, reason):
    path = name if "/" in name else str(tmp_path / name)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    frames, events = read(path)
    assert not frames and kinds(events) == ["failed", "end"]
    assert events[0].text.startswith(reason)


def test_a_stream_that_ends_at_once():
    with StreamServer(frames=16, break_at=0).running() as address:
        frames, events = read(address)
    assert not frames and kinds(events) == ["failed", "end"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0}, "`rate` must be a number above 0. Received: rate=0"),
        ({"rate": 1001}, "`rate` must be at most 1000"),
        ({"gap": float("nan")}, "`gap` must be a number above 0"),
        ({"reconnects": -1}, "`reconnects` must be a whole number >= 0"),
        ({"queue": 0}, "`queue` must be a whole number >= 1"),
        ({"wait": -1.0}, "`wait` must be seconds >= 0"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UserError, match=message):
        StreamSettings(**{**SETTINGS, **settings})
