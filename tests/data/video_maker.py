"""Small real videos for tests."""

import contextlib
import os
import pathlib

import av
import numpy as np
from PIL import Image

REAL_VIDEOS = pathlib.Path(__file__).parents[3] / "shared" / "videos"


@contextlib.contextmanager
def ordinary_threads():
    """Schedules the threads of this process as usual again when what stands in the block is over.

    Run by root, the encoder SVT-AV1 makes the whole process a real-time one: it leaves no processor
    to others, and its children inherit that.
    """
    try:
        yield
    finally:
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):  # It has ended meanwhile.
                os.sched_setscheduler(int(thread), os.SCHED_OTHER, os.sched_param(0))


def numbered_frame(index, height, width):
    """A gray level per frame that survives compression, brighter in the top left quarter."""
    frame = np.full([height, width, 3], 20 + 5 * index, np.uint8)
    frame[: height // 2, : width // 2] = 220
    return frame


def frame_numbers(frames):
    """Reads the positions back from frames of `numbered_frame`, from the bottom right."""
    levels = np.asarray(frames)[..., -4:, -4:, :].astype(float).mean(axis=(-3, -2, -1))
    return np.rint((levels - 20) / 5).astype(int)


def make_video(path, num_frames=12, height=64, width=96, *, display_matrix=None, noise=False,
               frame_rate=10, encoder_options=None):  # fmt: skip
    """Writes a video, H.264 for mp4 and mov, with its index before the frames.

    `display_matrix` is (a, b, c, d): a pixel (x, y) is shown at (a x + c y, b x + d y).
    `noise` makes the frames incompressible, so that cutting the file cuts frames off.
    `encoder_options` replace those of H.264, which give no B-frames.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = {".webm": "libvpx", ".avi": "mpeg4"}.get(path.suffix, "libx264")
    options = {"movflags": "faststart"} if path.suffix in (".mp4", ".mov") else {}
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=frame_rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            stream.options = encoder_options or {"preset": "ultrafast", "crf": "10"}
        if display_matrix is not None:
            a, b, c, d = (value * 2**16 for value in display_matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 2**30])
        for index in range(num_frames):
            pixels = numbered_frame(index, height, width)
            if noise:
                pixels = rng.integers(0, 256, pixels.shape, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def make_frames(folder, num_frames=12, height=64, width=96, *, first=1):
    """Writes the frames of `make_video` as 00001.jpg, 00002.jpg, ..."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    for index in range(num_frames):
        image = Image.fromarray(numbered_frame(index, height, width))
        image.save(folder / f"{first + index:05d}.jpg", quality=95)
    return folder


def make_audio(path):
    """Writes an mp4 file with sound only."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros([1, 4096], np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cut(path, share):
    """Keeps the first part of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
