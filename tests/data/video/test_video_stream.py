import fractions
import http.server
import io
import threading

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from gsf_tf.data import VideoError, probe, read_frames
from gsf_tf.data.video.clip_reader import check_clip, read_sampled_frames
from gsf_tf.data.video.video_file import read_header
from gsf_tf.data.video.video_segment import iterate_segment, read_segment_header
from tests.data.video_maker import cut, frame_numbers, make_video, numbered_frame


def picture(height=160, width=160, format="JPEG"):
    """The bytes of a white picture, which is larger than the frames of the tests."""
    buffer = io.BytesIO()
    Image.fromarray(np.full([height, width, 3], 250, np.uint8)).save(buffer, format)
    return buffer.getvalue()


def add_pictures(container, codec="mjpeg", disposition=Disposition.attached_pic, size=160):
    stream = container.add_stream(codec, rate=10)
    stream.width = stream.height = size
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
    stream.disposition = disposition
    return stream


def mux_picture(container, stream, data, pts=0):
    packet = av.Packet(data)
    packet.stream, packet.pts, packet.dts = stream, pts, pts
    packet.time_base, packet.is_keyframe = fractions.Fraction(1, 10), True
    container.mux(packet)


def add_video(container, height=64, width=96, disposition=None, rate=10):
    codec = "libvpx" if container.format.name == "webm" else "libx264"
    stream = container.add_stream(codec, rate=rate)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    if codec == "libx264":
        stream.options = {"preset": "ultrafast", "crf": "10"}
    if disposition is not None:
        stream.disposition = disposition
    return stream


def mux_frames(container, streams, numbers=range(12)):
    """Muxes the frames of `video_maker` into several streams, interleaved."""
    for number in numbers:
        for stream in streams:
            pixels = numbered_frame(number, stream.height, stream.width)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
    for stream in streams:
        container.mux(stream.encode())


def mux_sound(container, stream, blocks):
    for index in range(blocks):
        frame = av.AudioFrame.from_ndarray(np.zeros([1, 1024], np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 48000, 1024 * index
        frame.time_base = fractions.Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def boxes(data):
    """Splits the content of an mp4 box into its boxes: pairs of kind and all bytes."""
    found, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        found.append((data[place + 4 : place + 8], data[place : place + size]))
        place += size
    return found


def put_cover_first(path):
    """Moves the box with the cover to the front, where taggers write it."""
    parts = boxes(path.read_bytes())
    assert [kind for kind, _ in parts][-2:] == [b"mdat", b"moov"]  # No offset will change.
    inner = sorted(boxes(parts[-1][1][8:]), key=lambda part: part[0] != b"udta")
    assert inner[0][0] == b"udta"
    content = b"".join(data for _, data in inner)
    path.write_bytes(b"".join(d for _, d in parts[:-1]) + parts[-1][1][:8] + content)


def numbers(path):
    """The numbers of the frames, the same by every way of reading."""
    found = frame_numbers(read_frames(path)).tolist()
    sampled = read_sampled_frames(path, lambda count: range(count))
    assert frame_numbers(sampled).tolist() == found
    check_clip(path)
    assert probe(path).num_frames == read_header(path)[0] == len(found)
    return found


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_cover_before_the_video_is_passed_over(tmp_path, format):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        cover = add_pictures(container, {"JPEG": "mjpeg", "PNG": "png"}[format])
        video = add_video(container)
        mux_picture(container, cover, picture(format=format))
        mux_frames(container, [video])
    put_cover_first(path)
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & Disposition.attached_pic
    assert numbers(path) == list(range(12))
    assert probe(path).height == 64
    part = list(iterate_segment(path, 0.2, 0.5))
    assert frame_numbers([frame.pixels for frame in part]).tolist() == [2, 3, 4]
    assert read_segment_header(path, 0.2, 0.5) == (3, 10.0)


@pytest.mark.parametrize("size", [32, 160])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
def test_a_stream_of_one_picture_without_a_flag_is_passed_over(tmp_path, name, size):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        cover = add_pictures(container, "mjpeg", Disposition(0), size)
        video = add_video(container)
        mux_picture(container, cover, picture(size, size))
        mux_frames(container, [video])
    assert numbers(path) == list(range(12))


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.webm"])
def test_of_two_videos_the_larger_one_is_taken(tmp_path, name):
    for sizes in [(32, 64), (64, 32)]:
        with av.open(str(tmp_path / name), "w") as container:
            # Else the muxer of mp4 marks the first one as the default.
            both = Disposition.default
            streams = [add_video(container, size, size, both) for size in sizes]
            mux_frames(container, streams)
        assert probe(tmp_path / name).height == 64
        assert numbers(tmp_path / name) == list(range(12))


@pytest.mark.parametrize("default", [0, 1])
def test_of_two_videos_the_default_one_is_taken(tmp_path, default):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        flags = [Disposition.default if i == default else Disposition(0) for i in range(2)]
        streams = [add_video(container, 64 - 32 * (i == default), 64, flags[i]) for i in range(2)]
        mux_frames(container, streams)
    assert probe(path).height == 32 and numbers(path) == list(range(12))


@pytest.mark.parametrize("name", ["a.mp4", "a.mp3", "a.mkv"])
def test_sound_with_a_cover_is_no_video(tmp_path, name):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame" if name == "a.mp3" else "aac", rate=48000)
        if name == "a.mkv":
            container.add_attachment("cover.jpg", "image/jpeg", picture())
        else:
            mux_picture(container, add_pictures(container), picture())
        mux_sound(container, sound, 50)
    with av.open(str(path)) as container:
        assert container.streams.video
    for read in (probe, read_frames, check_clip, read_header):
        with pytest.raises(VideoError, match="no video stream was found .a cover picture"):
            read(path)


def test_a_cover_in_matroska_is_passed_over(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.add_attachment("cover.jpg", "image/jpeg", picture())
        mux_frames(container, [add_video(container)])
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    assert numbers(path) == list(range(12))


@pytest.mark.parametrize("name", ["a.mp4", "a.ans", "a.txt", "a.nfo", "a.diz", "a.xb", "a.bin"])
def test_text_is_no_video(tmp_path, name):
    path = tmp_path / name
    head = {"a.xb": b"XBIN\x1a\x50\x00\x19\x00\x10\x00", "a.bin": b""}.get(name, b"")
    path.write_bytes(head + b"\x1b[1;31mHello\x1b[0m world \x1b[2J\r\n" * 200)
    for read in (probe, read_frames, read_header):
        with pytest.raises(VideoError, match="no video format"):
            read(path)


NAMES = ["12:30.mp4", "cam1:front.mp4", "-i.mp4", "-.mp4", "%03d.mp4", "a%d*?[b]{c}.mp4", "pipe:",
         "pipe:0.mp4", "concat:a.mp4|b.mp4", "file:a.mp4", "file:", "http:a.mp4", "data:a.mp4",
         "crypto:a", "subfile,,start,0,end,9,,:a.mp4", " a.mp4 ", "a\nb.mp4", "a#b?c=d.mp4",
         "é:\udcff.mp4", "$$a`b`.mp4", "\\a.mp4", "cache:x.mkv", "async:x.webm"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_are_literal(tmp_path, monkeypatch, name):
    suffix = name[-4:] if name.endswith(".mkv") else ".webm" if name.endswith("webm") else ".mp4"
    make_video(tmp_path / f"plain{suffix}").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (name, tmp_path / name, f"./{name}", name.encode(errors="surrogateescape")):
        assert frame_numbers(read_frames(path)).tolist() == list(range(12))
        assert probe(path).num_frames == read_header(path)[0] == 12
        assert len(list(iterate_segment(path, 0.3, 0.6))) == 3


@pytest.mark.parametrize("name", ["%03d.bmp", "a%d.webp", "*.bmp", "[a-b].tiff", "x:%03d.bmp"])
def test_names_of_pictures_are_no_patterns(tmp_path, monkeypatch, name):
    for index in range(3):
        for other in (f"{index:03d}.bmp", f"a{index}.webp", "a.tiff", f"x:{index:03d}.bmp"):
            Image.fromarray(numbered_frame(index, 32, 48)).save(tmp_path / other)
    Image.fromarray(numbered_frame(20, 32, 48)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for path in (name, tmp_path / name):
        assert frame_numbers(read_frames(path)).tolist() == [20]


def test_the_network_stays_closed(tmp_path, monkeypatch):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            asked.append(self.path)
            self.send_error(404)

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/x.mp4"
        monkeypatch.chdir(tmp_path)
        texts = {
            "a.mp4": f"ffconcat version 1.0\nfile {url}\n",
            "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
            "a.sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video "
            f"{server.server_port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        }
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
            for path in (name, tmp_path / name):
                with pytest.raises(VideoError):
                    read_frames(path)
        with pytest.raises(VideoError, match="does not exist"):
            read_frames(url)
        # A folder and a file may be named so that the path reads like an address.
        folder = tmp_path / "http:" / f"127.0.0.1:{server.server_port}"
        make_video(folder / "x.mp4")
        assert frame_numbers(read_frames(url)).tolist() == list(range(12))
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


def remux(source, target, skip=0, shift=0, options=None):
    """Copies packets without encoding them, `shift` frames earlier, those before 0 included."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options or {}) as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for index, packet in enumerate(old.demux(stream)):
            if packet.dts is None or index < skip:
                continue
            ticks = int(shift / stream.average_rate / stream.time_base)
            packet.pts -= ticks
            packet.dts -= ticks
            packet.stream = copy
            new.mux(packet)
    return target


B_FRAMES = {"preset": "veryfast", "bf": "2", "g": "12", "crf": "10", "b-adapt": "0"}
OPEN = {**B_FRAMES, "x264-params": "open-gop=1:bframes=2:keyint=6:min-keyint=6:scenecut=0"}


@pytest.mark.parametrize("name", ["b.mp4", "b.mov"])
@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}])
@pytest.mark.parametrize("encoder", [None, B_FRAMES], ids=["plain", "B-frames"])
def test_an_edit_list_that_hides_the_first_frames(tmp_path, name, options, encoder):
    source = make_video(tmp_path / "a.mp4", 24, encoder_options=encoder)
    options = {**options, "avoid_negative_ts": "disabled"}
    path = remux(source, tmp_path / name, shift=3, options=options)
    assert frame_numbers(read_frames(path)).tolist() == list(range(3, 24))
    assert probe(path).num_frames == 21
    found = read_sampled_frames(path, lambda count: [0, count - 1])
    assert frame_numbers(found).tolist() == [3, 23]
    cut(path, 0.5)
    with pytest.raises(VideoError):
        probe(path)


def remove_samples(path, removed):
    """Makes samples of an mp4 file have zero bytes; its frames are one chunk, then the index."""
    data = path.read_bytes()
    parts = dict(boxes(data))
    assert list(parts)[-2:] == [b"mdat", b"moov"]
    table = parts[b"moov"].index(b"stsz") + 16
    index = bytearray(parts[b"moov"])
    sizes = np.frombuffer(index, ">u4", int.from_bytes(index[table - 4 : table], "big"), table)
    assert int.from_bytes(index[table - 8 : table - 4], "big") == 0
    chunks = index.index(b"stco")
    assert int.from_bytes(index[chunks + 8 : chunks + 12], "big") == 1
    ends = np.cumsum(sizes)
    media = parts[b"mdat"][8:]
    kept = b"".join(
        media[end - size : end]
        for number, (size, end) in enumerate(zip(sizes.tolist(), ends.tolist(), strict=True))
        if number not in removed
    )
    for number in removed:
        index[table + 4 * number : table + 4 * number + 4] = bytes(4)
    before = data[: data.index(b"mdat") - 4]
    path.write_bytes(before + (8 + len(kept)).to_bytes(4, "big") + b"mdat" + kept + bytes(index))
    return path


@pytest.mark.parametrize("removed", [(5,), (4, 5, 6), (10, 11), (1, 11)], ids=str)
def test_samples_of_zero_bytes_are_no_frames(tmp_path, removed):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = add_video(container)
        stream.options |= {"g": "1", "x264-params": "keyint=1:bframes=0"}
        mux_frames(container, [stream])
    remove_samples(path, removed)
    expected = [number for number in range(12) if number not in removed]
    assert frame_numbers(read_frames(path)).tolist() == expected
    assert probe(path).num_frames == len(expected)


@pytest.mark.parametrize("name", ["b.mp4", "b.mov"])
@pytest.mark.parametrize("hidden", [0, 2])
def test_a_cut_at_an_open_group_of_pictures(tmp_path, name, hidden):
    source = make_video(tmp_path / "a.mp4", 30, encoder_options=OPEN)
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    second = [packet.is_keyframe for packet in packets].index(True, 1)
    first = round(packets[second].pts * packets[second].time_base * 10)
    assert min(packet.pts for packet in packets[second:]) < packets[second].pts
    options = {"avoid_negative_ts": "disabled"}
    path = remux(source, tmp_path / name, skip=second, shift=first + hidden, options=options)
    assert frame_numbers(read_frames(path)).tolist() == list(range(first + hidden, 30))
    assert probe(path).num_frames == 30 - first - hidden


@pytest.mark.parametrize("movflags", ["", "faststart", "frag_keyframe+empty_moov"])
def test_an_index_that_points_behind_the_end_is_a_cut(tmp_path, movflags):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = add_video(container)
        stream.options |= {"g": "4"}
        mux_frames(container, [stream], range(24))
    data = path.read_bytes()
    if "frag" in movflags:  # Cut in the middle of each fragment.
        ends = np.cumsum([len(box) for _, box in boxes(data)])
        parts = zip(boxes(data), ends, strict=True)
        sizes = [end - len(box) // 2 for (kind, box), end in parts if kind == b"mdat"]
    else:
        place = data.index(b"mdat") if movflags else len(data) // 3
        sizes = np.linspace(place + 100, len(data) - 100, 7).astype(int)
    for size in sizes:
        path.write_bytes(data[:size])
        with pytest.raises(VideoError):
            probe(path)
        with pytest.raises(VideoError):
            read_frames(path)
