import fractions
import struct

import av
import numpy as np
import pytest

from gsf_tf.data import ClipLimits, VideoError, probe, read_frames
from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.video_file import iterate_frames
from gsf_tf.data.video.video_segment import iterate_segment
from tests.data.video.test_video_stream import add_video, remux
from tests.data.video_maker import REAL_VIDEOS, frame_numbers, make_video, numbered_frame


def make_late_video(path, delay=1.0, rate=10):
    """Writes three seconds of sound, and 20 frames that begin `delay` seconds after it."""
    with av.open(str(path), "w") as container:
        video, sound = add_video(container, rate=rate), container.add_stream("aac", rate=48000)
        packets = []
        for index in range(150):
            frame = av.AudioFrame.from_ndarray(np.zeros([1, 1024], np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, 1024 * index
            frame.time_base = fractions.Fraction(1, 48000)
            packets += sound.encode(frame)
        packets += sound.encode()
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, 64, 96), format="rgb24")
            frame.pts, frame.time_base = round(delay * rate) + number, fractions.Fraction(1, rate)
            packets += video.encode(frame)
        packets += video.encode()
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.flv"])
def test_parts_count_from_the_start_of_the_file(tmp_path, name):
    path = make_late_video(tmp_path / name)
    for start, stop, expected in [(1.5, 2.0, range(5, 10)), (0.5, 1.2, range(2)),
                                  (0, 3, range(20)), (2.9, 3, [19])]:  # fmt: skip
        start, stop = start - 0.03, stop - 0.03  # Encoded sound may begin a little before 0.
        part = list(iterate_segment(path, start, stop))
        assert frame_numbers([frame.pixels for frame in part]).tolist() == list(expected)
        times = [1 + number / 10 for number in expected]
        assert [frame.seconds for frame in part] == pytest.approx(times, abs=0.03)
    with pytest.raises(VideoError, match="holds no frame"):
        list(iterate_segment(path, 0.2, 0.8))
    with pytest.raises(VideoError, match="not complete, the video ends at"):
        list(iterate_segment(path, 3.2, 4))
    times = [frame.seconds for frame in iterate_frames(path)]
    assert times == pytest.approx([1 + number / 10 for number in range(20)], abs=0.03)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_video_without_sound_begins_at_zero(tmp_path, name):
    path = make_video(tmp_path / "first.mp4", 20)
    path = remux(path, tmp_path / name, shift=-50)
    times = [frame.seconds for frame in iterate_frames(path)]
    with av.open(str(path)) as container:
        late = (container.streams.video[0].start_time or 0) * container.streams.video[0].time_base
    assert late >= 5
    assert times == pytest.approx(np.arange(20) / 10, abs=1e-6)
    part = list(iterate_segment(path, 0.5, 0.8))
    assert frame_numbers([frame.pixels for frame in part]).tolist() == [5, 6, 7]


def make_stream(path, codec, num_frames=14, first=0, options=None, b_frames=2, size=(64, 96)):
    """Writes a video whose times begin at frame `first`, with B-frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        stream.options = options or {}
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, *size), format="rgb24")
            frame.pts, frame.time_base = first + number, fractions.Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


PYRAMID = {"x264-params": "bframes=3:b-pyramid=2:b-adapt=0:scenecut=0:keyint=10:open-gop=1"}


@pytest.mark.parametrize("name", ["a.avi", "a.AVI"])
@pytest.mark.parametrize(
    "codec, options",
    [("libx264", None), ("libx264", PYRAMID), ("mpeg4", {"g": "6"}), ("mpeg2video", None)],
)
def test_times_in_avi_go_forward(tmp_path, name, codec, options):
    path = make_stream(tmp_path / name.lower(), codec, 24, options=options).rename(tmp_path / name)
    frames = list(iterate_frames(path))
    assert [frame.seconds for frame in frames] == pytest.approx(np.arange(24) / 25, abs=1e-6)
    assert len(frames) == 24 and np.all(np.diff(frame_numbers([f.pixels for f in frames])) >= 0)
    kept = list(iterate_frames(path, keep=lambda index: index % 5 == 3))
    assert [frame.seconds for frame in kept] == pytest.approx(np.arange(3, 24, 5) / 25, abs=1e-6)
    for first, last in [(0, 5), (7, 13), (9, 22), (23, 24)]:  # Across key frames and within.
        part = list(iterate_segment(path, first / 25, last / 25))
        times = [frame.seconds for frame in part]
        assert times == pytest.approx(np.arange(first, last) / 25, abs=1e-6)
        for ours, theirs in zip(part, frames[first:last], strict=True):
            np.testing.assert_array_equal(ours.pixels, theirs.pixels)


def test_frames_before_a_part_of_an_avi_count_for_its_limits(tmp_path):
    path = make_stream(tmp_path / "a.avi", "mpeg4", 24, options={"g": "6"}, b_frames=2)
    pixels = read_frames(path, [0])[0, :, :, 0].size
    for frames in (22, 21):  # The part is frame 20, and frame 21 ends it.
        budget = ClipBudget(path, ClipLimits(max_clip_pixels=frames * pixels))
        part = iterate_segment(path, 20 / 25, 21 / 25, budget=budget)
        if frames == 22:
            assert [frame.index for frame in part] == [0]
        else:
            with pytest.raises(VideoError, match="`max_clip_pixels`"):
                list(part)


def test_no_look_at_a_file_opens_a_name(tmp_path, monkeypatch):
    path = make_stream(tmp_path / "a.mkv", "mpeg4", 24, options={"g": "6"}, b_frames=2)
    opened, av_open = [], av.open

    def note(name, *args, **options):
        opened.append((name, options["container_options"]["protocol_whitelist"]))
        return av_open(name, *args, **options)

    monkeypatch.setattr(av, "open", note)
    assert len(list(iterate_segment(path, 7 / 25, 13 / 25))) == 6
    assert opened == [("fd:", "fd")] * 2


@pytest.mark.parametrize("b_frames", [0, 2])
def test_parts_of_an_avi_stream_in_matroska(tmp_path, b_frames):
    """Such a file has times of decoding only, as mkvmerge writes them of an AVI."""
    source = make_stream(tmp_path / "a.avi", "mpeg4", 24, options={"g": "6"}, b_frames=b_frames)
    path = tmp_path / "a.mkv"
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        stream = container.streams.video[0]
        copy = output.add_stream_from_template(stream)
        copy.codec_context.extradata = struct.pack(
            "<3I2H4s5I", 40, 96, 64, 1, 24, b"FMP4", *[0] * 5
        )
        container.flags &= ~av.container.Flags.gen_pts.value
        for packet in container.demux(stream):
            if packet.size:
                packet.pts, packet.stream = packet.dts, copy
                output.mux(packet)
    data = path.read_bytes()
    assert data.count(b"V_MPEG4/ISO/ASP") == 1
    path.write_bytes(data.replace(b"V_MPEG4/ISO/ASP", b"V_MS/VFW/FOURCC"))
    frames = list(iterate_frames(path))
    assert len(frames) == 24
    part = list(iterate_segment(path, frames[7].seconds, frames[13].seconds))
    assert [frame.seconds for frame in part] == pytest.approx(
        [frame.seconds for frame in frames[7:13]], abs=1e-6
    )
    for ours, theirs in zip(part, frames[7:13], strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"{REAL_VIDEOS} is not there")
def test_times_of_a_real_avi_go_forward():
    frames = list(iterate_frames(REAL_VIDEOS / "xvid_320x240.avi", short_side=32))
    rate = probe(REAL_VIDEOS / "xvid_320x240.avi").frame_rate
    times = [frame.seconds for frame in frames]
    assert times == pytest.approx(np.arange(164) / rate, abs=1e-3)


# Where the second stream begins: its times go back, follow on, or jump forward.
@pytest.mark.parametrize("first", [0, 14, 500])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video", "mpeg4"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_transport_streams_end_to_end(tmp_path, codec, first, b_frames):
    one = make_stream(tmp_path / "1.ts", codec, b_frames=b_frames)
    two = make_stream(tmp_path / "2.ts", codec, 9, first, b_frames=b_frames)
    path = tmp_path / "a.ts"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    expected = np.concatenate([read_frames(one), read_frames(two)])
    frames = list(iterate_frames(path))
    np.testing.assert_array_equal([frame.pixels for frame in frames], expected)
    times = [frame.seconds for frame in frames]
    assert times[:14] == pytest.approx(np.arange(14) / 25, abs=1e-6)
    assert np.all(np.diff(times) > 0)
    if first == 0:
        assert times == pytest.approx(np.arange(23) / 25, abs=1e-6)
    assert probe(path).num_frames == 23
    path.write_bytes((one.read_bytes() + two.read_bytes()) * 3)
    assert len(read_frames(path)) == 69


def test_damage_in_a_transport_stream_is_no_join(tmp_path):
    options = {"g": "6", "preset": "veryfast", "crf": "5", "bf": "2"}
    source = make_video(tmp_path / "a.ts", 24, encoder_options=options, noise=True)
    data = source.read_bytes()
    with av.open(str(source)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.is_keyframe]
    assert len(places) >= 4
    for place in places[1:]:
        for first, last in [(6, 0), (40, 30), (9, -4), (60, 3)]:
            damaged = data[: place - 188 * first] + data[place - 188 * last :]
            source.write_bytes(damaged)
            with pytest.raises(VideoError, match="damaged"):
                read_frames(source)
    source.write_bytes(data[: len(data) // 2 // 188 * 188] + data)
    with pytest.raises(VideoError, match="damaged"):
        read_frames(source)
