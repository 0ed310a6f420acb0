"""Reads damaged videos and images until something other than a clip or a `VideoError` comes out.

  python -m tests.data.fuzz_videos --cases=20000 --seed=0

Case N is a file, or a folder of frames, that `clip_damage.damage_clip` draws with the seed N from
small clips of many formats. Each is checked, sampled, cut and encoded as the programs do it, under
limits, and frames are sought in it as in a long video. What comes out must be frames that are
whole, the same ones by seeking, or a `VideoError` that names the clip. The cases run in child
processes under a time limit, and their memory is watched; when one crashes, hangs or grows, its
cases are tried one by one, and the culprit is named.
"""

import contextlib
import json
import logging
import pathlib
import re
import tempfile
import time
import warnings

import numpy as np
from absl import app

from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.data.video.clip_reader import check_clip, read_sampled_frames
from gsf_tf.data.video.frame_index import FrameIndex
from gsf_tf.data.video.image_file import is_image
from gsf_tf.data.video.sought_frames import OtherFrames, sought_frames
from gsf_tf.data.writing.clip_encoder import encode_clip
from gsf_tf.errors import VideoError
from tests.data.clip_damage import damage_clip, whole_clips
from tests.fuzzing import define_flags, run

PROGRAM = ["-m", "tests.data.fuzz_videos"]

# Of one case: seconds, with some for a busy machine, and MB. A picture of 2**26 pixels is allowed,
# of which FFmpeg or Pillow hold up to five copies of four bytes per pixel.
CASE_SECONDS, CASE_MEGABYTES = 30, 1500
LIMITS = ClipLimits(max_clip_pixels=200_000_000, max_clip_seconds=10)
SETTINGS = RecordSettings(
    short_side=32,
    max_clip_pixels=LIMITS.max_clip_pixels,
    max_clip_seconds=LIMITS.max_clip_seconds,
)


def run_case(folder, wholes, seed):
    """Returns the kind of damage and what came of it.

    Args:
        folder: An empty folder.
        wholes: The clips that are damaged, from `whole_clips`.
        seed: The case.
    """
    path, kind = damage_clip(folder, wholes, seed)
    begin = time.monotonic()
    part = {"start": 0.1, "stop": 0.5} if path.is_file() else {}
    frames = []

    def sample():
        frames.append(read_sampled_frames(path, choose, 32, LIMITS))
        check_frames(frames[0])

    outcomes = [
        try_reading(path, lambda: check_clip(path, LIMITS)),
        try_reading(path, sample),
        try_reading(path, lambda: check_clip_of(ClipSource(str(path), "a", 0))),
        try_reading(path, lambda: check_clip_of(ClipSource(str(path), "a", 0, **part))),
        try_reading(path, lambda: check_seeking(path, frames)),
    ]
    assert time.monotonic() - begin < CASE_SECONDS, (kind, "took too long")
    # The two ways of reading a whole clip agree.
    assert outcomes[1] == outcomes[2] or outcomes[1] == "valid", (kind, outcomes)
    return kind, outcomes[1]


def try_reading(path, read):
    """Returns the outcome of a reading; an error that is no `VideoError` is raised."""
    try:
        read()
    except VideoError as error:
        assert error.path == str(path), (error, path)
        assert error.reason.isprintable() and error.frames_decoded >= 0, error
        return "reported"
    return "valid"


def choose(num_frames):
    assert 0 < num_frames < 2**31, num_frames
    return np.linspace(0, num_frames - 1, 4).astype(int)


def check_frames(frames):
    assert frames.dtype == np.uint8 and len(frames) == 4 and frames.shape[-1] == 3, frames.shape


def check_seeking(path, frames):
    """Seeks the frames, whatever share of the video they are, where the file has an index."""
    index = None
    if path.is_file() and not is_image(path):
        index = FrameIndex.read(path, ClipBudget(path, LIMITS))
    if index is not None:
        positions, budget = choose(len(index)), ClipBudget(path, LIMITS)
        with contextlib.suppress(OtherFrames):
            found = sought_frames(path, index, positions, 32, budget, max_share=1.0)
            found = {frame.index: frame.pixels for frame in found}
            for whole in frames:
                sought = [found[position] for position in positions]
                np.testing.assert_array_equal(sought, whole)


def check_clip_of(source):
    clip = encode_clip(source, SETTINGS)
    assert len(clip.frames) == len(clip.timestamps) > 0 and clip.frame_rate >= 0
    assert all(frame.startswith(b"\xff\xd8") for frame in clip.frames)
    assert all(-(2**63) <= timestamp < 2**63 for timestamp in clip.timestamps)


def peak_megabytes():
    """The most memory that this process has had since the last call."""
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        return 0
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    return peak


def run_cases(first, count, _):
    """Runs cases in this process; a line of JSON for each."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as originals:
        wholes = whole_clips(pathlib.Path(originals))
        print(json.dumps([]), flush=True)
        for seed in range(first, first + count):
            peak_megabytes()
            with tempfile.TemporaryDirectory() as folder:
                kind, outcome = run_case(pathlib.Path(folder), wholes, seed)
            peak = peak_megabytes()
            assert peak < CASE_MEGABYTES, (kind, f"{peak:.0f} MB")
            print(json.dumps([[kind, outcome, round(peak)]]), flush=True)


if __name__ == "__main__":
    define_flags(cases=20000, per_pass=1, limit=60)
    app.run(lambda _: run(PROGRAM, run_cases))
