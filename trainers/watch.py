"""Name the action in a video that may not end: a file, a folder, a camera, a stream.

  gsf-tf watch --model=runs/causal long_video.mp4 --segments=segments.csv
  gsf-tf watch --model=runs/mine --annotate=out.mp4 --output=answers.jsonl /dev/video0
  gsf-tf watch --model=gsf_ssv2.keras --rate=4 rtsp://camera/stream1
  gsf-tf watch --model=runs/mine --wait=3600 recordings/

--model is a workdir, a .keras file or a checkpoint of the authors. A model that was trained with
causal=True answers at once; another one answers its look-ahead late. With --window=SECONDS the
model runs on a clip of the last seconds at each frame instead: slower, but for any model, GST and
exported SavedModels too. The argument is a video file;
a folder, whose videos are read one after the other, each when it is complete; a camera of this
machine; or an address of http, https, rtsp or rtsps. A user and a password in an address are not
printed, but other users of this machine may see the command line.

Frames are chosen by their times, --rate per second: the rate at which the clips of the training
were sampled, which is the number of segments divided by the seconds of a clip. Frames of a file
are never dropped. Where a camera or a stream is faster than the model, the oldest frames that wait
are dropped and counted. A stream that breaks is connected again, after growing pauses. Where no
frame comes for --gap seconds, the model begins anew.

The answer is the mean of the last frames' logits (--smoothing). Every --every seconds a line with
the best classes is printed. --json prints every answer and event as an object per line instead,
--output=FILE.jsonl writes them. --segments=FILE.csv writes start, end, class and score of the parts
of the video in which a class is the most probable: an answer belongs to its best class if that has
the probability --threshold; parts of one class with at most --merge seconds between them, in which
no answer belongs to another class, are one; shorter ones than --shortest seconds are left out; the
score is the mean probability. --annotate=FILE.mp4 writes the chosen frames with the answers on
them. Ctrl-C ends the command with everything written; so does SIGTERM.
"""

import math
import sys

from absl import flags

from . import cli

# As in gsf_tf.streaming.consensus; a test compares them.
SMOOTHING = ("window", "exponential", "mean", "none")

_MODEL = flags.DEFINE_string("model", None, "Any trained model with layers; see above.")
_LABELS = flags.DEFINE_string("labels", None, "Class names, if the model keeps none.")
_TOP = flags.DEFINE_integer("top", 3, "Classes to name.", lower_bound=1)
_RATE = flags.DEFINE_float("rate", 8.0, "Frames per second that the model takes.")
_SMOOTHING = flags.DEFINE_enum("smoothing", SMOOTHING[0], SMOOTHING, "Mean over the last frames.")
_SMOOTHING_FRAMES = flags.DEFINE_integer(
    "smoothing_frames", None, "How many frames; by default those of the model's clips.", 1
)
_WINDOW = flags.DEFINE_float(
    "window", None, "Run a clip of the last so many seconds at each frame; for any model."
)
_EVERY = flags.DEFINE_float("every", 1.0, "Seconds of the video between two printed lines.")
_JSON = flags.DEFINE_bool("json", False, "Print an object per answer and per event.")
_OUTPUT = flags.DEFINE_string("output", None, "File of these objects, FILE.jsonl.")
_SEGMENTS = flags.DEFINE_string("segments", None, "File of segments, FILE.csv.")
_ANNOTATE = flags.DEFINE_string("annotate", None, "Video with the answers on it, FILE.mp4.")
_THRESHOLD = flags.DEFINE_float("threshold", 0.5, "Probability at which a class counts.")
_MERGE = flags.DEFINE_float("merge", 1.0, "Seconds between parts that are merged.")
_SHORTEST = flags.DEFINE_float("shortest", 0.0, "Seconds that a segment must have.")
_GAP = flags.DEFINE_float("gap", 2.0, "Seconds without a frame that are a gap.")
_TIMEOUT = flags.DEFINE_float("timeout", 10.0, "Seconds until a silent network counts as broken.")
_RECONNECTS = flags.DEFINE_integer("reconnects", 8, "Tries in a row without a new frame.", 0)
_PAUSE = flags.DEFINE_float("pause", 1.0, "Seconds before the first try; then twice as long.")
_QUEUE = flags.DEFINE_integer("queue", 8, "Frames that may wait for the model.", 1)
_SETTLE = flags.DEFINE_float("settle", 2.0, "Seconds for which a complete file has not changed.")
_WAIT = flags.DEFINE_float("wait", None, "Seconds without a new file that end a folder.")
flags.mark_flag_as_required("model")


def main(argv):
    check_flags(argv[1:])

    from gsf_tf.streaming.video_reader import VideoReader
    from gsf_tf.trained import open_model

    from .watch_loop import SignalStop, watch
    from .watch_output import WatchOutput

    opened = open_model(_MODEL.value, _LABELS.value)
    labels, model = opened.labels, streaming_model(opened)
    reader = VideoReader(argv[1], settings_of(opened))
    with WatchOutput(labels, output_options()) as output:
        print(describe(opened, model), file=sys.stderr)
        with reader, SignalStop(reader.stop):
            watch(reader, model, output)
    return int(output.failures > 0)


def check_flags(arguments):
    if len(arguments) != 1:
        raise cli.FlagError(
            "Give one video, folder, camera or address after the flags. "
            f"Received: {len(arguments)} of them."
        )
    for flag, ending in ((_OUTPUT, ".jsonl"), (_SEGMENTS, ".csv"), (_ANNOTATE, ".mp4")):
        if flag.value is not None and not flag.value.endswith(ending):
            raise cli.FlagError(
                f"--{flag.name} must end in {ending}. Received: --{flag.name}={flag.value}."
            )
    if _SMOOTHING_FRAMES.value is not None and _SMOOTHING.value in ("mean", "none"):
        raise cli.FlagError(
            "--smoothing_frames belongs to --smoothing=window or exponential. "
            f"Received: --smoothing={_SMOOTHING.value}."
        )
    if _WINDOW.value is not None and (_SMOOTHING.present or _SMOOTHING_FRAMES.present):
        raise cli.FlagError(
            "--smoothing belongs to models that run frame by frame; a window has its own mean. "
            f"Received: --window={_WINDOW.value:g} with --smoothing or --smoothing_frames."
        )
    if _WINDOW.value is not None and not (_WINDOW.value > 0 and math.isfinite(_WINDOW.value)):
        raise cli.FlagError(
            f"--window must be seconds above 0. Received: --window={_WINDOW.value:g}."
        )
    if not _EVERY.value > 0:
        raise cli.FlagError(f"--every must be above 0. Received: --every={_EVERY.value}.")


def settings_of(opened):
    """Returns the `StreamSettings` of the flags and the model."""
    from gsf_tf.streaming.stream_settings import StreamSettings

    return StreamSettings(
        rate=_RATE.value,
        image_size=opened.image_size,
        short_side=opened.description.short_side,
        picture_side=None if _ANNOTATE.value is None else 480,
        gap=_GAP.value,
        timeout=_TIMEOUT.value,
        reconnects=_RECONNECTS.value,
        pause=_PAUSE.value,
        queue=_QUEUE.value,
        settle=_SETTLE.value,
        wait=_WAIT.value,
    )


def output_options():
    """Returns the `WatchOptions` of the flags."""
    from .watch_output import WatchOptions

    return WatchOptions(
        rate=_RATE.value,
        top=_TOP.value,
        every=_EVERY.value,
        json=_JSON.value,
        output=_OUTPUT.value,
        segments=_SEGMENTS.value,
        annotate=_ANNOTATE.value,
        threshold=_THRESHOLD.value,
        merge=_MERGE.value,
        shortest=_SHORTEST.value,
    )


def streaming_model(opened):
    """Returns the model in its streaming form, or a `SlidingWindowModel`."""
    from gsf_tf.errors import UserError
    from gsf_tf.streaming import SlidingWindowModel, StreamingModel

    if _WINDOW.value is not None:
        try:
            return SlidingWindowModel(opened.network, round(_WINDOW.value * _RATE.value))
        except ValueError as error:
            raise UserError(
                "--window times --rate must be a number of frames that a sliding window can have. "
                f"Received: --window={_WINDOW.value:g}, --rate={_RATE.value:g}. {error}"
            ) from error
    kind = None if _SMOOTHING.value == "none" else _SMOOTHING.value
    frames = None
    if kind in ("window", "exponential"):
        frames = _SMOOTHING_FRAMES.value or opened.num_segments
    try:
        return StreamingModel(
            opened.layers_of, consensus=kind, consensus_frames=frames, frozen=True
        )
    except ValueError as error:
        raise UserError(
            f"The model must have a streaming form, or --window be given. {error}"
        ) from error


def describe(opened, model):
    """Returns a line for people about the model and its delay."""
    late = f"{model.look_ahead} frames ({model.look_ahead / _RATE.value:.2f} s) late"
    return f"{opened.describe()}; {_RATE.value:g} frames per second, answers {late}. Ctrl-C ends."


if __name__ == "__main__":
    cli.run(main)
