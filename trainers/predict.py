"""Name the action in video files.

  gsf-tf predict --model=runs/mine clip.mp4
  gsf-tf predict --model=runs/mine/export/1 --json a.mp4 b.avi

--model is a workdir or an exported SavedModel. Both are programs: a SavedModel can read and write
any file that you can. Load only models from sources that you trust.

A video may have any format that docs/data.md lists; it is sampled and cropped as in the one-clip
evaluation. Each is decoded in another process. A file that cannot be decoded, whose decoder
crashes, or that is more work than --max_clip_pixels and --max_clip_seconds allow is reported, the
others go on, and the exit status is 1.
"""

import json

from absl import flags

from . import cli

_MODEL = flags.DEFINE_string("model", None, "Workdir of a training run, or exported SavedModel.")
_TOP = flags.DEFINE_integer("top", 5, "Classes to name.", lower_bound=1)
_JSON = flags.DEFINE_bool("json", False, "Print a JSON object per video instead of text.")
_MAX_CLIP_PIXELS = flags.DEFINE_integer(
    "max_clip_pixels",
    300_000_000_000,
    "A clip of more pixels in all its decoded frames together is an error.",
    1,
)
_MAX_CLIP_SECONDS = flags.DEFINE_float(
    "max_clip_seconds", 600.0, "A clip that takes longer to decode is an error."
)
flags.mark_flag_as_required("model")


def main(argv):
    videos = argv[1:]
    if not videos:
        raise cli.FlagError("Give at least one video file after the flags. Received: none.")

    from gsf_tf.data import ClipLimits, ClipProcess, VideoError
    from gsf_tf.evaluation import Predictor

    limits = ClipLimits(_MAX_CLIP_PIXELS.value, _MAX_CLIP_SECONDS.value)
    failed = False
    with ClipProcess() as process:
        predictor = Predictor(_MODEL.value, limits, process)
        for video in videos:
            try:
                result = {"video": video, "top": predictor.top(video, _TOP.value)}
            except VideoError as error:
                result, failed = {"video": video, "error": str(error)}, True
            print(json.dumps(result) if _JSON.value else _as_text(result), flush=True)
    return int(failed)


def _as_text(result):
    # Names of files need not be UTF-8, but what is printed must be.
    video = result["video"].encode(errors="backslashreplace").decode()
    if "error" in result:
        return f"{video}\n  {result['error']}"
    lines = [f"  {probability:6.1%}  {name}" for name, probability in result["top"]]
    return "\n".join([video, *lines])


if __name__ == "__main__":
    cli.run(main)
