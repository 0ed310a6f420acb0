"""Videos that are unusual and valid, and files that look like videos and are not."""

import fractions
import pathlib

import av

from tests.data.video_maker import cut, make_audio, make_video, numbered_frame, ordinary_threads

# Frames of the variable rate are shown at these times, in milliseconds.
VARIABLE_TIMES = (0, 40, 80, 280, 300, 620, 640, 1000)


def make_odd_video(path, codec, num_frames=8, height=64, width=96, *, pix_fmt="yuv420p",
                   options=None, times=None):  # fmt: skip
    """Writes the frames of `video_maker` with a codec, a pixel format and times of its own."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with ordinary_threads(), av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.options = options or {}
        if times is not None:
            stream.time_base = stream.codec_context.time_base = fractions.Fraction(1, 1000)
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(numbered_frame(index, height, width), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[index], fractions.Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def make_mixed_folder(folder):
    """Writes 25 clips of two classes, a fifth of them damaged.

    Returns:
        The damaged clips, each with a word of the reason to expect, and the valid ones, each with
        the numbers of its frames.
    """
    folder = pathlib.Path(folder)
    valid = {}
    for number in range(14):
        name = f"{'ab'[number % 2]}/{number:02d}.mp4"
        make_video(folder / name, 2 + number % 5)
        valid[name] = list(range(2 + number % 5))
    h264 = {"preset": "ultrafast", "crf": "5"}
    make_video(folder / "a" / "one frame.mp4", 1)
    make_odd_video(folder / "a" / "ten bit.mp4", "libx264", pix_fmt="yuv420p10le", options=h264)
    make_odd_video(folder / "b" / "av1.mp4", "libsvtav1", options={"preset": "12", "crf": "10"})
    make_odd_video(folder / "b" / "variable.mp4", "libx264", options=h264, times=VARIABLE_TIMES)
    make_video(folder / "a" / "rotated.mp4", 8, display_matrix=(0, 1, -1, 0))
    make_odd_video(folder / "b" / "vp9.webm", "libvpx-vp9", options={"crf": "10"})
    valid |= {"a/one frame.mp4": [0]} | {
        name: list(range(8))
        for name in ("a/ten bit.mp4", "b/av1.mp4", "b/variable.mp4", "a/rotated.mp4", "b/vp9.webm")
    }
    cut(make_video(folder / "a" / "truncated.mp4", 20, noise=True), 0.5)
    cut(make_video(folder / "b" / "headless.mp4", 4), 0.02)
    (folder / "a" / "zero.mp4").touch()
    (folder / "b" / "text.mp4").write_text("not a video\n" * 100)
    make_audio(folder / "b" / "sound.mp4")
    damaged = {
        "a/truncated.mp4": "cut off",
        "b/headless.mp4": "cut off",
        "a/zero.mp4": "zero bytes",
        "b/text.mp4": "no video format",
        "b/sound.mp4": "no video stream",
    }
    return damaged, valid
