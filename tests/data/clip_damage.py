"""Damages small clips of many formats, in ways that depend on a seed only."""

import io

import numpy as np
from PIL import Image

from tests.data.odd_videos import make_odd_video
from tests.data.video.hostile_clips import (
    NO_FILES,
    announce_samples,
    gif,
    make_titled_video,
    playlists,
)
from tests.data.video_maker import make_audio, make_frames, make_video, numbered_frame

EXTENSIONS = tuple(
    ".mp4 .mov .mkv .webm .avi .asf .flv .gif .ts .mpg .ogv .m3u8 .jpg .png .JPEG .txt .%03d.png"
    .split()
) + ("",)  # fmt: skip

# Sizes and counts that a header may state.
LARGE = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def whole_clips(folder):
    """Makes the clips that are damaged; returns the bytes of each by its name.

    Args:
        folder: An empty folder.
    """
    for name in ("a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi"):
        make_video(folder / name, 6, 32, 48)
    for name, codec, pixels, options in [
        ("b.flv", "flv", "yuv420p", {}),
        ("b.asf", "wmv2", "yuv420p", {}),
        ("b.ts", "mpeg2video", "yuv420p", {}),
        ("b.mpg", "mpeg2video", "yuv420p", {}),
        ("b.gif", "gif", "rgb8", {}),
        ("b.ogv", "libvpx", "yuv420p", {}),
        ("h264.ts", "libx264", "yuv420p", {"preset": "ultrafast"}),
        ("hevc.mp4", "libx265", "yuv420p", {"x265-params": "log-level=none"}),
        ("av1.mkv", "libsvtav1", "yuv420p", {"preset": "12"}),
        ("vp9.webm", "libvpx-vp9", "yuv420p", {}),
        ("mjpeg.avi", "mjpeg", "yuvj420p", {}),
        ("png.mov", "png", "rgb24", {}),
        ("b.apng", "apng", "rgb24", {}),
    ]:
        make_odd_video(folder / name, codec, 6, 64, 96, pix_fmt=pixels, options=options)
    make_titled_video(folder / "title.mp4")
    make_titled_video(folder / "title.mkv")
    make_audio(folder / "sound.mp4")
    picture, exif = Image.fromarray(numbered_frame(3, 32, 48)), Image.Exif()
    exif[0x0112] = 6
    picture.save(folder / "a.jpg", exif=exif)
    picture.save(folder / "progressive.jpg", progressive=True)
    picture.save(folder / "a.png", exif=exif)
    picture.quantize().save(folder / "palette.png")
    (folder / "b2.gif").write_bytes(gif(48, 32, 6))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def damage_clip(folder, wholes, seed):
    """Writes a case.

    Args:
        folder: An empty folder.
        wholes: What `whole_clips` returns.
        seed: The case.

    Returns:
        The path of the clip and the kind of damage.
    """
    rng = np.random.default_rng(seed)
    kind, damage = KINDS[rng.integers(len(KINDS))]
    name = list(wholes)[rng.integers(len(wholes))]
    path = folder / name
    if rng.random() < 0.1:
        path = path.with_name(path.stem + EXTENSIONS[rng.integers(len(EXTENSIONS))])
    return damage(path, wholes, bytearray(wholes[name]), rng) or path, kind


def bit_flips(path, wholes, data, rng):
    for place in rng.integers(len(data), size=rng.integers(1, 9)):
        data[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


def header_bits(path, wholes, data, rng):
    for place in rng.integers(min(len(data), 200), size=rng.integers(1, 5)):
        data[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


def large_numbers(path, wholes, data, rng):
    """Overwrites some of the first or last bytes, where indices are, by large numbers."""
    for _ in range(rng.integers(1, 4)):
        length = int(rng.choice([1, 2, 4, 8]))
        value = LARGE[rng.integers(len(LARGE))] & (1 << 8 * length) - 1
        end = min(len(data) - length, 1500)
        place = int(
            rng.integers(end) if rng.random() < 0.7 else len(data) - length - rng.integers(end)
        )
        data[place : place + length] = value.to_bytes(length, str(rng.choice(["big", "little"])))
    path.write_bytes(data)


def cut(path, wholes, data, rng):
    path.write_bytes(data[: rng.integers(len(data))])


def beginning_cut(path, wholes, data, rng):
    path.write_bytes(data[rng.integers(len(data)) :])


def a_hole(path, wholes, data, rng):
    begin, length = rng.integers(len(data)), rng.integers(1, 500)
    path.write_bytes(data[:begin] + data[begin + length :])


def zeros(path, wholes, data, rng):
    begin, length = int(rng.integers(len(data))), int(rng.integers(1, 500))
    data[begin : begin + length] = bytes(min(length, len(data) - begin))
    path.write_bytes(data)


def noise(path, wholes, data, rng):
    begin, length = int(rng.integers(len(data))), int(rng.integers(1, 500))
    data[begin : begin + length] = rng.bytes(length)
    path.write_bytes(data)


def repeated(path, wholes, data, rng):
    begin, length = rng.integers(len(data)), rng.integers(1, 500)
    path.write_bytes(data[: begin + length] + data[begin : begin + length] * 3 + data[begin:])


def two_joined(path, wholes, data, rng):
    path.write_bytes(data + list(wholes.values())[rng.integers(len(wholes))])


def halves_joined(path, wholes, data, rng):
    other = list(wholes.values())[rng.integers(len(wholes))]
    path.write_bytes(data[: rng.integers(len(data))] + other[rng.integers(len(other)) :])


def another_extension(path, wholes, data, rng):
    path = path.with_name(path.stem + EXTENSIONS[rng.integers(len(EXTENSIONS))])
    path.write_bytes(data)
    return path


def nothing_but_noise(path, wholes, data, rng):
    path.write_bytes(data[: rng.integers(12)] + rng.bytes(int(rng.integers(5000))))


def a_playlist(path, wholes, data, rng):
    target = path.with_name("target.mp4")
    target.write_bytes(wholes["a.mp4"])
    texts = playlists([target.name, str(target), f"file:{target}"][rng.integers(3)])
    text = texts[rng.integers(len(texts))][1].encode()
    path.write_bytes(text[: rng.integers(len(text) // 2, len(text) + 1)])


def a_canvas(path, wholes, data, rng):
    width, height = (int(2 ** rng.uniform(0, 16)) for _ in range(2))
    path.write_bytes(gif(width, height, int(rng.integers(1, 30))))


def an_index(path, wholes, data, rng):
    """An mp4 whose index announces many frames; 10**7 take FFmpeg five seconds each time."""
    count = int(2 ** rng.uniform(4, 32))
    path = path.with_name("index.mp4")
    path.write_bytes(announce_samples(wholes["a.mp4"], count % 10**5 if count < 15e6 else count))
    return path


def odd_metadata(path, wholes, data, rng):
    name = ("title.mp4", "title.mkv")[rng.integers(2)]
    path = path.with_name(name)
    path.write_bytes(wholes[name].replace(b"TITLE!", rng.bytes(6)))
    return path


def no_file(path, wholes, data, rng):
    list(NO_FILES.values())[rng.integers(len(NO_FILES))](path)


def frames(path, wholes, data, rng):
    """A folder of frames, one of which is something else."""
    folder = make_frames(path.with_name("frames"), 4, 32, 48)
    victim = folder / f"{rng.integers(1, 5):05d}.jpg"
    what = rng.integers(6)
    if what == 0:
        victim.rename(folder / f"{10 ** int(rng.integers(1, 200))}.jpg")
    elif what == 1:
        victim.unlink()
        no_file(victim, wholes, data, rng)
    elif what == 2:
        victim.write_bytes(data)
    elif what == 3:
        Image.fromarray(numbered_frame(1, *rng.integers(1, 99, 2))).save(victim)
    elif what == 4:
        victim.chmod(0)
    else:
        bit_flips(victim, wholes, bytearray(victim.read_bytes()), rng)
    return folder


def an_announced_picture(path, wholes, data, rng):
    """A JPEG or PNG whose header states another size."""
    size = [int(2 ** rng.uniform(0, 16)) for _ in range(2)]
    path = path.with_name(f"a.{('jpg', 'png')[rng.integers(2)]}")
    if path.suffix == ".jpg":
        data = bytearray(wholes["a.jpg"])
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = b"".join(side.to_bytes(2, "big") for side in size)
    else:
        buffer = io.BytesIO()
        Image.new("1", size[:1] + [min(size[1], 2**26 // size[0] + 2)]).save(buffer, "PNG")
        data = buffer.getvalue()
    path.write_bytes(data)
    return path


KINDS = [
    (function.__name__.replace("_", " "), function)
    for function in (bit_flips, bit_flips, header_bits, header_bits, large_numbers, large_numbers,
                     large_numbers, cut, beginning_cut, a_hole, zeros, noise, repeated, two_joined,
                     halves_joined, another_extension, nothing_but_noise, a_playlist, a_canvas,
                     an_index, odd_metadata, no_file, frames, an_announced_picture)
]  # fmt: skip
