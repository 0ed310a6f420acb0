"""Files that are no clips: pipes, devices, playlists, and pictures that announce much."""

import os
import pathlib
import socket
import struct

import av

from tests.data.video_maker import numbered_frame


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    # The path of a socket must be short.
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def make_device_link(path):
    path.symlink_to("/dev/zero")


def make_fifo_link(path):
    fifo = path.with_name("a fifo")
    os.mkfifo(fifo)
    path.symlink_to(fifo)


# What is neither a file nor a folder, by a name.
NO_FILES = {
    "fifo": make_fifo,
    "socket": make_socket,
    "device": make_device_link,
    "link to a fifo": make_fifo_link,
}


def playlists(target):
    """The texts by which FFmpeg opens another file: (FFmpeg's name of the format, text)."""
    return [
        ("hls", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"),
        ("concat", f"ffconcat version 1.0\nfile '{target}'\n"),
        (
            "dash",
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:'
            'dash:profile:isoff-on-demand:2011" type="static" mediaPresentationDuration="PT2S">'
            '<Period><AdaptationSet mimeType="video/mp4"><Representation id="0" bandwidth="9">'
            f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        ),
        (
            "sdp",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"
            "a=rtpmap:96 H264/90000\n",
        ),
    ]


def gif(width, height, num_frames=2):
    """A GIF of a few bytes per frame, each of which FFmpeg draws on the whole canvas."""
    data = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    control = b"\x21\xf9\x04" + struct.pack("<BHB", 0x08, 10, 0) + b"\x00"
    image = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return data + num_frames * (control + image) + b"\x3b"


def make_titled_video(path, title="TITLE!"):
    """Writes a video with a title, which stands in the file as it is."""
    path = pathlib.Path(path)
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.metadata["title"] = title
        for index in range(4):
            frame = av.VideoFrame.from_ndarray(numbered_frame(index, 64, 96), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def announce_samples(data, count):
    """Makes the index of an mp4 file say in a few bytes that it has many frames of one byte."""
    data = bytearray(data)
    for kind, place, values in (
        (b"stsz", 8, (1, count)),
        (b"stsc", 12, (1, count, 1)),
        (b"stts", 12, (count,)),
    ):
        place += data.index(kind)
        data[place : place + 4 * len(values)] = struct.pack(f">{len(values)}I", *values)
    return bytes(data)
