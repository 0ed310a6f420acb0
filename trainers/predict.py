"""Name the action in video files.

  gsf-tf predict --model=runs/mine clip.mp4
  gsf-tf predict --model=runs/mine/export/1 --json a.mp4 b.avi

--model is a workdir or an exported SavedModel. Any file that PyAV (ffmpeg) decodes will do; it is
sampled and cropped as in the one-clip evaluation. A file that cannot be decoded is reported, the
others go on, and the exit status is 1.
"""

import json

from absl import flags

from . import cli

_MODEL = flags.DEFINE_string("model", None, "Workdir of a training run, or exported SavedModel.")
_TOP = flags.DEFINE_integer("top", 5, "Classes to name.", lower_bound=1)
_JSON = flags.DEFINE_bool("json", False, "Print a JSON object per video instead of text.")
flags.mark_flag_as_required("model")


def main(argv):
    videos = argv[1:]
    if not videos:
        raise cli.FlagError("Give at least one video file after the flags. Received: none.")

    from gsf_tf.data import VideoError
    from gsf_tf.evaluation import Predictor

    predictor = Predictor(_MODEL.value)
    failed = False
    for video in videos:
        try:
            result = {"video": video, "top": predictor.top(video, _TOP.value)}
        except VideoError as error:
            result, failed = {"video": video, "error": str(error)}, True
        print(json.dumps(result) if _JSON.value else _as_text(result), flush=True)
    return int(failed)


def _as_text(result):
    if "error" in result:
        return f"{result['video']}\n  {result['error']}"
    lines = [f"  {probability:6.1%}  {name}" for name, probability in result["top"]]
    return "\n".join([result["video"], *lines])


if __name__ == "__main__":
    cli.run(main)
