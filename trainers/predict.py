"""Name the action in video files.

  gsf-tf predict --model=runs/mine clip.mp4
  gsf-tf predict --model=gsf_ssv1.keras --clips=2 --crops=3 --json a.mp4 b.avi
  gsf-tf predict --model=runs/mine/export/1 --output=rows.jsonl --list=names.txt videos/
  gsf-tf predict --model=runs/mine --features --output=rows.parquet --glob='videos/**/*.mp4'

--model is a workdir, a .keras file, an export (SavedModel, LiteRT, ONNX) or a checkpoint of the
authors. Workdirs and exports are programs: a SavedModel can read and write any file that you can.
Load only models from sources that you trust.

A video may have any format that docs/data.md lists; it is sampled as in the evaluation, by default
one clip with its center crop. An argument is a file, a folder of numbered frames, or a folder of
videos, which is searched with the folders in it. Names are literal; --glob takes patterns, and
--list a text file with a name per line (- for standard input). Videos are decoded in other
processes while the model runs. A file that cannot be decoded, whose decoder crashes, or that is
more work than --max_clip_pixels and --max_clip_seconds allow is reported in its row, the others go
on, and the exit status is 1.

Without --output, rows are printed. --output=FILE writes JSON lines (.jsonl), CSV (.csv) or Parquet
(.parquet, with the extra `parquet`), each video once, and shows the progress. If it was stopped,
give the same command again: rows that are there stay, a row that was half written is dropped, and
the others are added. FILE.job.json says how the rows were made, and rows of another model or of
other views are not mixed with them.

--runner=beam has the videos of --output predicted by Apache Beam (the extra `beam`), on this
machine or on a cluster, with the same rows. Every worker loads the model once, and must see model,
videos and --output under the same paths. The rows wait in FILE.parts/ until all are there; if the
command was stopped, give it again.

    gsf-tf predict --model=/nfs/gsf.keras --output=/nfs/rows.jsonl --list=names.txt --runner=beam \\
        --beam_options="--runner=FlinkRunner --flink_master=host:8081 --environment_type=LOOPBACK"
"""

import os
import shlex
import sys

from absl import flags

from . import cli
from .predict_inputs import list_videos

FORMATS = ("text", "json", "csv", "parquet")
# As in gsf_tf.data.pipeline.cropping; a test compares them.
CROPS_ALONG = ("longer_side", "width")
_SUFFIXES = {".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}
_MOST_DECODERS = 8

_MODEL = flags.DEFINE_string("model", None, "Any trained model; see above.")
_LABELS = flags.DEFINE_string("labels", None, "Class names, if the model keeps none.")
_TOP = flags.DEFINE_integer("top", 5, "Classes to name.", lower_bound=1)
_FEATURES = flags.DEFINE_bool("features", False, "Also the vector before the classifier.")
_CLIPS = flags.DEFINE_integer("clips", 1, "Clips per video.", lower_bound=1)
_CROPS = flags.DEFINE_integer("crops", 1, "Crops per clip.", lower_bound=1)
_FULL = flags.DEFINE_bool("full_short_side", False, "Crops reach over the whole short side.")
_CROPS_ALONG = flags.DEFINE_enum(
    "crops_along", CROPS_ALONG[0], CROPS_ALONG, "Where several crops lie."
)
_LIST = flags.DEFINE_multi_string("list", [], "Text file with a video per line; - for stdin.")
_GLOB = flags.DEFINE_multi_string("glob", [], "Pattern of videos; ** matches any folders.")
_OUTPUT = flags.DEFINE_string("output", None, "File of rows, which is continued if it is there.")
_FORMAT = flags.DEFINE_enum("format", None, FORMATS, "By default text, or by --output's ending.")
_JSON = flags.DEFINE_bool("json", False, "As --format=json: an object per video.")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", None, "Views that run through the model at once; by default a video's.", 1
)
_DECODERS = flags.DEFINE_integer(
    "decoders", None, "Videos that are decoded at once; by default half of the cores.", 1
)
_MAX_CLIP_PIXELS = flags.DEFINE_integer(
    "max_clip_pixels",
    300_000_000_000,
    "A clip of more pixels in all its decoded frames together is an error.",
    1,
)
_MAX_CLIP_SECONDS = flags.DEFINE_float(
    "max_clip_seconds", 600.0, "A clip that takes longer to decode is an error."
)
_RUNNER = flags.DEFINE_enum("runner", "local", ["local", "beam"], "What predicts the videos.")
_BEAM_OPTIONS = flags.DEFINE_string(
    "beam_options", "", "Options of Apache Beam, separated by spaces."
)
flags.mark_flag_as_required("model")


def main(argv):
    form = chosen_format()
    check_runner()
    videos = list_videos(argv[1:], _LIST.value, _GLOB.value)
    if form == "parquet":
        import pyarrow  # noqa: F401 - a package that is missing is found before the work.
    if _RUNNER.value == "beam":
        import apache_beam  # noqa: F401 - likewise.

    from gsf_tf.data import ClipLimits
    from gsf_tf.evaluation import Predictor

    from .predict_rows import TextRows, row_of

    arguments = dict(
        num_clips=_CLIPS.value,
        num_crops=_CROPS.value,
        full_short_side=_FULL.value,
        crops_along=_CROPS_ALONG.value,
        batch_size=_BATCH_SIZE.value,
        decoders=_DECODERS.value or default_decoders(),
        isolated=True,
        limits=ClipLimits(_MAX_CLIP_PIXELS.value, _MAX_CLIP_SECONDS.value),
    )
    with Predictor(_MODEL.value, _LABELS.value, **arguments) as predictor:
        if _OUTPUT.value is not None:
            return int(write_rows(predictor, arguments, videos, form) > 0)
        failed, rows = 0, TextRows(form, min(_TOP.value, len(predictor.labels)), _FEATURES.value)
        sys.stdout.write(rows.header)
        for prediction in predictor.predict(videos, features=_FEATURES.value):
            failed += prediction.error is not None
            sys.stdout.write(rows.text(row_of(prediction, _TOP.value)))
            sys.stdout.flush()
        return int(failed > 0)


def chosen_format():
    """Returns the format of the rows that the flags say; checks those that belong together."""
    by_name = _SUFFIXES.get(os.path.splitext(_OUTPUT.value or "")[1])
    named = {by_name, _FORMAT.value, "json" if _JSON.value else None} - {None}
    if len(named) > 1 or (named & {"text"} and _OUTPUT.value):
        raise cli.FlagError(
            "--format, --json and the ending of --output must agree, and text is only printed. "
            f"Received: --output={_OUTPUT.value}, --format={_FORMAT.value}, --json={_JSON.value}."
        )
    form = next(iter(named), None)
    if _OUTPUT.value is not None and form is None:
        raise cli.FlagError(
            f"--output must end in {', '.join(_SUFFIXES)}, or --format must say what it is. "
            f"Received: --output={_OUTPUT.value}."
        )
    if form == "parquet" and _OUTPUT.value is None:
        raise cli.FlagError("Parquet is not printed: it needs --output. Received: none.")
    if form in (None, "text") and _FEATURES.value:
        raise cli.FlagError(
            "--features are not printed as text. Received: --features without a format. Add "
            "--json, --format=csv or --output."
        )
    return form or "text"


def check_runner():
    """Checks the flags of Beam."""
    if _BEAM_OPTIONS.value and _RUNNER.value != "beam":
        raise cli.FlagError(
            "--beam_options must come with --runner=beam. Received: "
            f"--beam_options={_BEAM_OPTIONS.value!r} with --runner={_RUNNER.value}."
        )
    if _RUNNER.value == "beam" and _OUTPUT.value is None:
        raise cli.FlagError(
            "--runner=beam writes to a file that all workers see: it needs --output. Received: "
            "none."
        )
    beam_options()


def beam_options():
    """Returns the options of --beam_options as a list."""
    try:
        return shlex.split(_BEAM_OPTIONS.value)
    except ValueError as error:
        raise cli.FlagError(
            "--beam_options must be options as a shell takes them, with every quotation mark "
            f"closed. Received: --beam_options={_BEAM_OPTIONS.value} ({error})."
        ) from error


def default_decoders():
    """Returns how many videos are decoded at once; the model takes the other cores."""
    return max(1, min(_MOST_DECODERS, len(os.sched_getaffinity(0)) // 2))


def write_rows(predictor, arguments, videos, form):
    """Writes the rows that --output lacks; returns how many of all are errors."""
    from .predict_output import PredictOutput

    job = {
        "model": predictor.model.name,
        "model_sha256": predictor.model.sha256,
        "label_fingerprint": predictor.labels.fingerprint,
        "format": form,
        "clips": _CLIPS.value,
        "crops": _CROPS.value,
        "full_short_side": _FULL.value,
        "crops_along": _CROPS_ALONG.value,
        "top": min(_TOP.value, len(predictor.labels)),
        "features": _FEATURES.value,
    }
    console = cli.console(stderr=True)
    with PredictOutput(_OUTPUT.value, job) as output:
        videos = list(dict.fromkeys(videos))
        left = [video for video in videos if not output.has(video)]
        if len(left) < len(videos):
            console.print(f"{len(videos) - len(left)} of {len(videos)} videos have their rows")
        if _RUNNER.value == "beam":
            write_beam_rows(predictor, arguments, left, job, output, console)
        else:
            write_local_rows(predictor, videos, left, output, console)
        console.print(f"Wrote {_OUTPUT.value}: {output.rows} rows, {output.errors} of them errors")
        return output.errors


def write_local_rows(predictor, videos, left, output, console):
    """Predicts videos in this process."""
    from .predict_rows import row_of

    with cli.progress(console) as progress:
        bar = progress.add_task("Predicting", total=len(videos), info="")
        progress.update(bar, completed=len(videos) - len(left))
        for prediction in predictor.predict(left, features=_FEATURES.value):
            output.write(row_of(prediction, _TOP.value))
            progress.update(bar, advance=1, info=f"{output.errors} errors")
    output.finish()


def write_beam_rows(predictor, arguments, left, job, output, console):
    """Has videos predicted by the workers of Beam."""
    from .predict_beam import PartFiles, predict_with_beam

    # Workers need not have this folder as their own; see also `PredictPart`.
    arguments = {
        **arguments,
        "model": os.path.abspath(_MODEL.value),
        "labels": predictor.labels,
    }
    parts, options = PartFiles(_OUTPUT.value, job), beam_options()
    with console.status(f"Apache Beam predicts {len(left)} videos"):
        rows, models = predict_with_beam(
            left, parts, arguments, options, _FEATURES.value, _TOP.value
        )
    for row in rows:
        output.write(row)
    output.finish()
    parts.remove()
    console.print(f"The workers of Beam loaded the model {models} times")


if __name__ == "__main__":
    cli.run(main)
