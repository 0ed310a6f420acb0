"""Files that are made to harm: each is a `VideoError`, soon, and opens nothing else."""

import contextlib
import os
import pathlib
import re
import struct
import subprocess
import sys
import time
import zlib

import av
import numpy as np
import pytest
from PIL import Image

from gsf_tf.data import ClipLimits, DataError, FrameFolder, VideoError, probe, read_frames
from gsf_tf.data.video import clip_reader, image_file, video_stream
from gsf_tf.data.video.allocation_limit import MAX_ALLOCATION
from gsf_tf.data.video.clip_reader import check_clip, read_sampled_frames
from gsf_tf.data.video.container_formats import PICTURE_FORMATS, SOUND_FORMATS, VIDEO_FORMATS
from gsf_tf.data.video.video_file import iterate_frames, read_header
from gsf_tf.data.video.video_segment import iterate_segment
from tests.data.video.hostile_clips import (
    NO_FILES,
    announce_samples,
    gif,
    make_titled_video,
    playlists,
)
from tests.data.video_maker import frame_numbers, make_frames, make_video, numbered_frame


def sample(path, limits=None):
    return read_sampled_frames(path, lambda count: [0, count - 1], 32, limits)


def read_part(path):
    return list(iterate_segment(path, 0, 0.3))


WAYS = (probe, read_frames, read_header, check_clip, sample, read_part)


# ---- Whatever a decoder raises -------------------------------------------------------------------

ERRORS = [
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    RuntimeError("a bug"),
    ZeroDivisionError(),
    MemoryError(),
    RecursionError("too deep"),
    KeyError("x"),
    AssertionError("line 1\nline 2 \udcff"),
    OverflowError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_any_error_of_a_decoder_is_the_clips(tmp_path, monkeypatch, error):
    video, picture = make_video(tmp_path / "a.mp4"), tmp_path / "a.png"
    Image.fromarray(numbered_frame(3, 40, 60)).save(picture)

    def fail(*args, **options):
        raise error

    for module, name, path in [
        (video_stream.av, "open", video),
        (video_stream, "file_start", video),
        (image_file.Image, "open", picture),
        (image_file, "upright", picture),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            if name == "file_start":
                patch.setattr("gsf_tf.data.video.frame_clock.file_start", fail)
            with pytest.raises(VideoError) as found:
                sample(path)
        assert found.value.path == str(path)
        assert found.value.reason.isprintable() and found.value.reason.encode()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_is_no_fault_of_the_clip(tmp_path, monkeypatch, error):
    path = make_video(tmp_path / "a.mp4")

    def fail(*args, **options):
        raise error

    monkeypatch.setattr(video_stream.av, "open", fail)
    with pytest.raises(error):
        sample(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.asf"])
def test_a_title_that_is_not_utf_8_does_not_matter(tmp_path, name):
    path = make_titled_video(tmp_path / name)
    expected = read_frames(path)
    data, wide = path.read_bytes(), "TITLE!".encode("utf-16-le")
    assert b"TITLE!" in data or wide in data
    data = data.replace(b"TITLE!", b"\xff\xfe\x80\xc3\x28\xff").replace(wide, b"\0\xd8" * 6)
    path.write_bytes(data)
    # FFmpeg itself makes UTF-8 of the UTF-16 in an ASF file.
    with contextlib.nullcontext() if name == "a.asf" else pytest.raises(UnicodeDecodeError):
        av.open(str(path)).close()
    np.testing.assert_array_equal(read_frames(path), expected)
    for read in WAYS:
        read(path)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_pngs_with_damaged_headers(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(numbered_frame(3, 40, 60)).save(path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    chunks = [
        png_chunk(b"IHDR", b""),
        png_chunk(b"IHDR", bytes(13)),
        png_chunk(b"iCCP", b"x\0\1" + bytes(9)),
        png_chunk(b"zTXt", b"x"),
        png_chunk(b"iTXt", b"\xff\0\1\0\0\0" + bytes(9)),
        png_chunk(b"pHYs", b""),
        png_chunk(b"cHRM", b"\0"),
        png_chunk(b"tRNS", b""),
        png_chunk(b"acTL", b"\0"),
        png_chunk(b"fcTL", b"\0" * 3),
        png_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
    ]
    files = [whole[:8] + chunk + rest for chunk in chunks for rest in (whole[8:], b"")]
    files += [whole[:33] + chunk + whole[33:] for chunk in chunks]
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[rng.integers(8, 60)] = rng.integers(256)
        files.append(bytes(damaged))
    for data in files:
        path.write_bytes(data)
        try:
            assert sample(path).dtype == np.uint8
        except VideoError as error:
            assert error.path == str(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.mp4"])
def test_a_video_that_vanishes_while_it_is_decoded_is_read_to_its_end(tmp_path, name):
    path = make_video(tmp_path / name)
    frames = iterate_frames(path)
    first = next(frames)
    path.unlink()
    rest = [frame.pixels for frame in frames]
    assert frame_numbers([first.pixels, *rest]).tolist() == list(range(12))


# ---- Only files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.mkv", "a.jpg"])
def test_only_regular_files_are_opened(tmp_path, kind, name):
    NO_FILES[kind](tmp_path / name)
    for read in (check_clip, sample):
        with pytest.raises(VideoError, match="it is a .*, not a regular file"):
            read(tmp_path / name)


@pytest.mark.parametrize("kind", NO_FILES)
def test_only_regular_files_are_frames(tmp_path, kind):
    folder = make_frames(tmp_path / "a", 3)
    (folder / "00002.jpg").unlink()
    NO_FILES[kind](folder / "00002.jpg")
    with pytest.raises(VideoError, match="`00002.jpg` is a .*, not a regular file") as error:
        sample(folder)
    assert error.value.frames_decoded == 1 and error.value.path == str(folder)


@pytest.mark.parametrize("name", ["a.mp4", "a.png"])
def test_a_folder_with_the_name_of_a_file(tmp_path, name):
    (tmp_path / name).mkdir()
    for read in (check_clip, sample):
        with pytest.raises(VideoError, match="the folder holds no frame"):
            read(tmp_path / name)
    for read in (probe, read_frames, lambda path: list(image_file.iterate_image(path))):
        with pytest.raises(VideoError, match="it is a .*, not a regular file"):
            read(tmp_path / name)


NAMES = ["a\0b.mp4", "a\0b.png", "x" * 300 + ".mp4", "file/a.mp4", "loop.mp4"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_open_nothing(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    for read in (check_clip, sample):
        with pytest.raises(VideoError, match="cannot be opened|does not exist"):
            read(str(tmp_path / name))


def test_huge_numbers_of_frames(tmp_path):
    folder = make_frames(tmp_path / "a", 3)
    (folder / "00003.jpg").rename(folder / f"{10**200}.jpg")
    begin = time.process_time()
    with pytest.raises(VideoError, match=rf"{10**200 - 3} of the frames .* missing: 3, 4, 5, 6, 7"):
        FrameFolder(folder)
    assert time.process_time() - begin < 1


# ---- Formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".txt", ".mpd", ".sdp", ".ffconcat"])
def test_playlists_open_nothing(tmp_path, monkeypatch, suffix):
    make_video(tmp_path / "secret.mp4")
    make_video(tmp_path / "secret.ts")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"a{suffix}"
    for target in ("secret.mp4", tmp_path / "secret.ts", f"file:{tmp_path}/secret.ts"):
        for name, text in playlists(target):
            path.write_text(text)
            for read in WAYS:
                with pytest.raises(VideoError, match=f"no video format.*`{name}`"):
                    read(path)


def test_numbered_pictures_are_one_picture(tmp_path):
    for index in range(3):
        Image.fromarray(numbered_frame(index, 32, 48)).save(tmp_path / f"{index:03d}.png")
    for name in ("%03d.mp4", "*.mp4", "%d.png"):
        with pytest.raises(VideoError, match="does not exist"):
            sample(tmp_path / name)


def test_the_formats_exist_and_open_no_other_file():
    listed = {*VIDEO_FORMATS, *PICTURE_FORMATS, *SOUND_FORMATS}
    assert listed <= {*av.formats_available, "webp"}
    references = {"hls", "concat", "dash", "sdp", "rtsp", "rtp", "image2", "lavfi", "tee", "vobsub",
                  "webm_dash_manifest", "imf", "ffmetadata", "sap", "data", "tty"}  # fmt: skip
    assert not listed & references
    table = (pathlib.Path(__file__).parents[3] / "docs/data.md").read_text()
    assert set(re.findall(r"`([a-z0-9_]+)`", table.partition("Formats that are read")[2])) >= listed


def test_a_number_of_frames_in_the_header_that_cannot_be(tmp_path):
    path = make_video(tmp_path / "a.avi")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"avih", 24), (b"strh", 40)):
        place = data.index(mark) + offset
        assert int.from_bytes(data[place : place + 4], "little") == 12
        data[place : place + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    assert av.open(str(path)).streams.video[0].frames == 2**31 - 1
    assert read_header(path)[0] == 12
    asked = []
    read_sampled_frames(path, lambda count: asked.append(count) or [count - 1])
    assert asked == [12]


# ---- Limits --------------------------------------------------------------------------------------


def test_pixels_of_a_clip_are_limited(tmp_path):
    video, folder, picture = tmp_path / "a.mp4", tmp_path / "b", tmp_path / "c.png"
    make_video(video)
    make_frames(folder)
    Image.fromarray(numbered_frame(3, 64, 96)).save(picture)
    for path, frames in ((video, 12), (folder, 12), (picture, 1)):
        total = frames * 64 * 96
        assert len(sample(path, ClipLimits(total))) == 2
        reason = rf"more than {total - 1} pixels together \(`max_clip_pixels`\)"
        with pytest.raises(VideoError, match=reason) as error:
            sample(path, ClipLimits(total - 1))
        assert error.value.frames_decoded == frames - 1


def test_seconds_of_a_clip_are_limited(tmp_path, monkeypatch):
    video, folder, picture = tmp_path / "a.mp4", tmp_path / "b", tmp_path / "c.png"
    make_video(video)
    make_frames(folder)
    Image.fromarray(numbered_frame(3, 64, 96)).save(picture)
    for path in (video, folder, picture):
        with pytest.raises(VideoError, match=r"more than 1e-09 seconds \(`max_clip_seconds`\)"):
            sample(path, ClipLimits(max_clip_seconds=1e-9))
    # The clock goes on over both passes of a clip whose header is wrong.
    now = [0.0]
    monkeypatch.setattr("gsf_tf.data.video.clip_budget.time.monotonic", lambda: now[0])
    monkeypatch.setattr(clip_reader, "read_header", lambda path, budget: (50, 10.0))

    def choose(count):
        now[0] += 6
        return [0]

    with pytest.raises(VideoError, match="more than 10 seconds"):
        read_sampled_frames(video, choose, limits=ClipLimits(max_clip_seconds=10))
    assert now[0] == 12


def test_a_long_gif_of_few_bytes_is_stopped(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(gif(1000, 1000, 5000))
    with pytest.raises(VideoError, match="pixels together") as error:
        sample(path, ClipLimits(10 * 10**6))
    assert error.value.frames_decoded == 10


def test_a_slow_file_is_stopped_inside_of_the_demuxer(tmp_path):
    """Gigabytes without a packet: FFmpeg does not come back by itself."""
    path = make_video(tmp_path / "a.ts")
    with path.open("r+b") as file:
        file.truncate(20 * 2**30)
    begin = time.monotonic()
    with pytest.raises(VideoError):
        sample(path, ClipLimits(max_clip_seconds=0.5))
    assert time.monotonic() - begin < 5


def test_frames_that_are_kept_together_have_a_limit(tmp_path, monkeypatch):
    path = make_video(tmp_path / "a.mp4")
    monkeypatch.setattr(clip_reader, "MAX_KEPT_PIXELS", 5 * 64 * 96)
    assert len(read_sampled_frames(path, lambda count: [0, 1, 2, 2, 2])) == 5
    with pytest.raises(VideoError, match="6 frames of 96x64 pixels take too much memory"):
        read_sampled_frames(path, lambda count: [0, 1, 2, 2, 2, 2])


OUTSIDE = [(0,), (-1,), (1.5,), ("9",), *((10, seconds) for seconds in (0, -1.0, 2e6))]


@pytest.mark.parametrize("values", [*OUTSIDE, (10, float("nan")), (10, float("inf"))], ids=str)
def test_limits_have_ranges(values):
    with pytest.raises(DataError, match="max_clip_"):
        ClipLimits(*values)


READ = """
import pathlib, re, sys
from gsf_tf.data import VideoError
from gsf_tf.data.video.clip_reader import open_clip
try:
    for frame in open_clip(sys.argv[1])[3](short_side=32):
        pass
except VideoError as error:
    print(error.reason)
# `ru_maxrss` would count what the process was before it ran this program.
print(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
"""


def peak_memory(path):
    """MB that a process takes which reads all frames of a clip one by one; what it says before."""
    process = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        env={**os.environ, "GSF_TF_DECODING_PROCESS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    *said, peak = process.stdout.splitlines()
    return int(peak) / 1024, said


needs_proc = pytest.mark.skipif(
    not pathlib.Path("/proc/self/status").exists(), reason="the peak of memory is Linux's"
)


@needs_proc
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    few, _ = peak_memory(make_video(tmp_path / "a.mp4", 5, 720, 1280))
    many, _ = peak_memory(make_video(tmp_path / "b.mp4", 150, 720, 1280))
    assert many < few + 30  # The frames have 207 MB together.


@needs_proc
def test_a_tiny_file_that_announces_much_takes_little_memory(tmp_path):
    path = tmp_path / "a.gif"
    for size in (8200, 12000, 16000):
        path.write_bytes(gif(size, size, 20))
        assert path.stat().st_size < 500
        peak, said = peak_memory(path)
        assert peak < 200 and "decoding failed" in said[0]


@needs_proc
def test_an_index_that_announces_many_frames_takes_little_memory(tmp_path):
    whole = make_video(tmp_path / "a.mp4").read_bytes()
    path = tmp_path / "b.mp4"
    for count in (20 * 10**6, 50 * 10**6, 170 * 10**6, 2**32 - 1):
        path.write_bytes(announce_samples(whole, count))
        peak, said = peak_memory(path)
        assert peak < 200 and said


def test_the_largest_pictures_are_within_the_limit_of_memory(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(gif(8192, 8192, 1))
    assert probe(path).height == 8192 and 8192**2 == video_stream.MAX_PIXELS
    assert MAX_ALLOCATION > 4 * video_stream.MAX_PIXELS
