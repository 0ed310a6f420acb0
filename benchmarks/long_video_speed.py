"""Eight frames of a ten-minute video, beside decoding all of it.

  python -m benchmarks.long_video_speed [--video=...]

Without `--video` the program writes two: 15,000 frames of 340 x 256 in H.264, with a key frame for
every 250, the encoder's default, and for every 50. `predict` and the directory data set read a long
video so. The time is the processor time of one thread, so other programs disturb it little; each
figure is the median of three.
"""

import pathlib
import statistics
import tempfile
import time

import av
import numpy as np
import rich.table
from absl import flags

from gsf_tf.data.video.clip_reader import read_sampled_frames
from gsf_tf.data.video.video_file import read_frames
from trainers import cli

_VIDEO = flags.DEFINE_string("video", None, "a video file; by default two are written")
NUM_FRAMES, HEIGHT, WIDTH, RATE = 15_000, 256, 340, 25
SEGMENTS = 8
GROUPS = (250, 50)


def write_video(path, group):
    base = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    base = np.kron(base, np.ones((8, 8, 1), np.uint8))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = *base.shape[:2], "yuv420p"
        stream.options = {"preset": "veryfast", "g": str(group)}
        for number in range(NUM_FRAMES):
            pixels = np.roll(base, (number // 3, 2 * number), axis=(0, 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def middles(num_frames):
    """Returns the positions of the middle frames of the segments."""
    return [int((segment + 0.5) * num_frames / SEGMENTS) for segment in range(SEGMENTS)]


def processor_time(function):
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def measure(path):
    """Returns the median seconds of both ways, after it has compared their frames."""
    num_frames = []
    seeking, whole = [], []
    for _ in range(3):
        seconds, found = processor_time(
            lambda: read_sampled_frames(
                path, lambda count: num_frames.append(count) or middles(count)
            )
        )
        seeking.append(seconds)
        seconds, expected = processor_time(lambda: read_frames(path, middles(num_frames[-1])))
        whole.append(seconds)
        np.testing.assert_array_equal(found, expected)
    return num_frames[-1], statistics.median(seeking), statistics.median(whole)


def main(_):
    table = rich.table.Table("video", "frames", "8 frames, s", "all decoded, s", "ratio", "goal")

    def add_row(name, path):
        num_frames, seeking, whole = measure(path)
        seconds = f"{seeking:.2f}", f"{whole:.2f}", f"{seeking / whole:.3f}"
        table.add_row(name, f"{num_frames:,}", *seconds, "<= 0.05")

    if _VIDEO.value is not None:
        add_row(_VIDEO.value, _VIDEO.value)
    else:
        for group in GROUPS:
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder, "ten_minutes.mp4")
                write_video(path, group)
                add_row(f"a key frame for every {group}", path)
    cli.console().print(table)


if __name__ == "__main__":
    cli.run(main)
