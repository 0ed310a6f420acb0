"""Frames per second of `prepare`, beside decoding, scaling and compressing alone.

  python -m benchmarks.prepare_speed
  python -m benchmarks.prepare_speed --videos=videos --workers=4

Both read the same videos with as many processes, in turns, and each round begins with the other:

  prepare  `gsf_tf.data.write_records`: reads, checks, decodes, scales, compresses, writes records
  alone    per video, PyAV decodes, swscale scales as `prepare` does, Pillow (libjpeg-turbo)
           compresses at the same quality; nothing is checked, sent or written

The frames of a clip are compared. The start of the processes is left out, since it does not depend
on the number of clips: the time begins when as many clips are done as there are processes, and ends
with the call. Without --videos (a folder per class) the program generates some, 340 x 256 in H.264.
"""

import concurrent.futures
import functools
import io
import os
import pathlib
import tempfile
import time

import av
import numpy as np
from absl import flags
from av.video.reformatter import Interpolation
from PIL import Image

from benchmarks.generated_videos import make_videos
from benchmarks.interleave import interleave, median_ratio
from benchmarks.quiet_machine import load_line, others_percent
from benchmarks.speed_report import markdown_table
from trainers import cli

_VIDEOS = flags.DEFINE_string("videos", None, "Folder of videos; by default some are generated.")
_CLIPS = flags.DEFINE_integer("clips", 64, "Clips that are generated.", lower_bound=2)
_WORKERS = flags.DEFINE_integer("workers", os.cpu_count(), "Processes of both.", lower_bound=1)
_SHORT_SIDE = flags.DEFINE_integer("short_side", 240, "Short side of the stored frames, in pixels.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Rounds that are timed.", lower_bound=1)

GOAL = 0.85
SCALING = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.BITEXACT
)


def compress_alone(path, short_side, quality):
    """Returns the JPEGs of a video, in a loop with nothing that is not needed for them."""
    jpegs = []
    with av.open(path) as container:
        container.streams.video[0].thread_count = 1
        for frame in container.decode(video=0):
            scale = min(1, short_side / min(frame.width, frame.height))
            size = round(frame.width * scale), round(frame.height * scale)
            rgb = frame.reformat(*size, "rgb24", interpolation=SCALING, threads=1)
            # Pillow takes four times as long for rows that do not follow each other in memory.
            rgb = np.ascontiguousarray(rgb.to_ndarray())
            buffer = io.BytesIO()
            Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
            jpegs.append(buffer.getvalue())
    return jpegs


def count_alone(path, short_side, quality):
    return len(compress_alone(path, short_side, quality))


def seconds_per_frame(done, workers):
    """Returns the seconds of a frame now, after pairs of times and numbers of frames came in."""
    begin = done[workers - 1][0]
    return (time.perf_counter() - begin) / sum(frames for _, frames in done[workers:])


def main(_):
    from gsf_tf import data
    from gsf_tf.data.video.decoding_process import DecodingContext
    from gsf_tf.data.writing.clip_encoder import encode_clip

    busy, workers = others_percent(), _WORKERS.value
    with tempfile.TemporaryDirectory(prefix="prepare_speed-") as folder:
        videos = pathlib.Path(_VIDEOS.value or folder, "" if _VIDEOS.value else "videos")
        if not _VIDEOS.value:
            videos.mkdir()
            make_videos(videos, _CLIPS.value)
        listing = data.split_for_validation(data.list_video_folder(videos), 0.0)
        if len(listing.clips) <= workers:
            raise cli.FlagError(
                "There must be more clips than processes. Received: "
                f"{len(listing.clips)} clips and --workers={workers}"
            )
        settings = data.RecordSettings(short_side=_SHORT_SIDE.value, clips_per_shard=32)
        one = functools.partial(
            count_alone, short_side=settings.short_side, quality=settings.jpeg_quality
        )
        expected = compress_alone(listing.clips[0].path, settings.short_side, settings.jpeg_quality)
        assert encode_clip(listing.clips[0], settings).frames == expected
        counts = {clip.path: one(clip.path) for clip in listing.clips}

        def prepare():
            done = []
            info = data.write_records(
                listing,
                f"{folder}/records",
                settings,
                workers=workers,
                overwrite=True,
                on_clip=lambda clip, error: done.append((time.perf_counter(), counts[clip.path])),
            )
            assert info.splits["train"]["frames"] == sum(counts.values())
            return seconds_per_frame(done, workers)

        def alone():
            with concurrent.futures.ProcessPoolExecutor(workers, DecodingContext()) as pool:
                frames = pool.map(one, [clip.path for clip in listing.clips])
                return seconds_per_frame(
                    [(time.perf_counter(), count) for count in frames], workers
                )

        seconds = interleave({"prepare": prepare, "alone": alone}, _ROUNDS.value, lambda name: None)
    rows = [[name, f"{1 / np.median(values):.0f}"] for name, values in seconds.items()]
    ratio = median_ratio(seconds["alone"], seconds["prepare"])
    print(f"{workers} processes. {load_line(busy)}\n")
    print(markdown_table(["what", "frames/s"], rows))
    verdict = "met" if ratio >= GOAL else "missed"
    print(f"\nprepare / alone, frames per second: {ratio:.2f} (goal >= {GOAL}: {verdict})")


if __name__ == "__main__":
    cli.run(main)
