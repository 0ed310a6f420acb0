"""The rows of `gsf-tf predict` on many machines, with Apache Beam.

The videos are divided into parts. A worker writes the rows of a part as one file, which gets its
name when it is whole, so a job that is started again does the parts that are missing.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import threading
import uuid

import apache_beam as beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

from gsf_tf.errors import UserError, VideoError
from gsf_tf.evaluation import Predictor
from gsf_tf.files.regular_file import parse_json
from gsf_tf.files.whole_file import reports_write_errors, write_whole_file

from .predict_rows import TextRows, row_of

_MOST_VIDEOS = 64
_FEWEST_PARTS = 64
_SUFFIX = ".rows.jsonl"
_COUNTS = "gsf_tf"
# A worker may have several threads; the model and its decoders serve one of them at a time.
_ONE_AT_A_TIME = threading.Lock()


class PartFiles:
    """The folder with the rows of a job's parts, `<output>.parts/<job>/`.

    Args:
        output: Path of the file that the rows are for.
        job: Settings of the rows, a dictionary for JSON; another job has another folder.
    """

    def __init__(self, output, job):
        text = json.dumps({**job, "model": None}, sort_keys=True)
        self._all = f"{os.path.abspath(output)}.parts"
        self._folder = os.path.join(self._all, hashlib.sha256(text.encode()).hexdigest()[:16])
        with reports_write_errors(self._folder, "output"):
            os.makedirs(self._folder, exist_ok=True)

    def new(self):
        """Returns the path of a part that does not exist yet."""
        return os.path.join(self._folder, uuid.uuid4().hex + _SUFFIX)

    def find(self):
        """Returns where the row of each video is, a dictionary from it to a file and an offset."""
        places = {}
        for name in sorted(os.listdir(self._folder)):
            path = os.path.join(self._folder, name)
            if name.endswith(_SUFFIX):
                offset = 0
                with open(path, "rb") as lines:
                    for line in lines:
                        # A worker that was lost may have done a part that another one did again.
                        places.setdefault(parse_json(line)["video"], (path, offset))
                        offset += len(line)
        return places

    @staticmethod
    def read(place):
        """Returns the row in one of the places of `find`."""
        path, offset = place
        with open(path, "rb") as file:
            file.seek(offset)
            return parse_json(file.readline())

    def remove(self):
        """Removes the folder, after the rows were written elsewhere."""
        shutil.rmtree(self._folder)
        if not os.listdir(self._all):
            os.rmdir(self._all)


class PredictPart(beam.DoFn):
    """Writes the rows of parts; a process loads the model once.

    Args:
        arguments: Arguments of `Predictor` by name.
        features: Whether rows have features.
        top: Number of classes in a row.
        folder: The folder that relative paths of videos start from. Workers need not have it as
            their own.
    """

    def __init__(self, arguments, features, top, folder):
        self._arguments, self._features, self._top = arguments, features, top
        self._folder = folder
        self._shared = Shared()

    def process(self, part):
        file, videos = part
        with _ONE_AT_A_TIME:
            predictor = self._shared.acquire(self._load)
            names = [os.fsdecode(video) for video in videos]
            paths = [os.path.join(self._folder, name) for name in names]
            rows = predictor.predict(paths, features=self._features)
            text = TextRows("json", self._top, self._features)
            lines = [
                text.text(row_of(_as_named(row, name), self._top))
                for row, name in zip(rows, names, strict=True)
            ]
        write_whole_file(file, "".join(lines))
        Metrics.counter(_COUNTS, "videos").inc(len(lines))
        yield len(lines)

    def _load(self):
        Metrics.counter(_COUNTS, "models").inc()
        return Predictor(**self._arguments)


def _as_named(prediction, name):
    """Returns a prediction as a local run has it, which opens the video by its name."""
    error = prediction.error
    if isinstance(error, VideoError):
        path = name + error.path.removeprefix(prediction.video)
        error = VideoError(path, error.reason, error.frames_decoded)
    return dataclasses.replace(prediction, video=name, error=error)


def predict_with_beam(videos, parts, arguments, options, features, top):
    """Runs a Beam pipeline for the videos that have no row in any part, and waits for its end.

    Every worker needs gsf_tf, and must see the model, the videos and the output under the same
    paths as this machine.

    Args:
        videos: Paths of videos, each once.
        parts: `PartFiles`.
        arguments: Arguments of `Predictor` by name.
        options: Options of Beam, such as `["--runner=FlinkRunner", "--flink_master=host:8081"]`.
        features: Whether rows have features.
        top: Number of classes in a row.

    Returns:
        A pair: an iterator of the rows of all videos, in their order; and how often a worker loaded
        the model.

    Raises:
        UserError: If the pipeline fails. The parts that are whole stay.
    """
    done = parts.find()
    left = [os.fsencode(video) for video in videos if video not in done]
    size = max(1, min(_MOST_VIDEOS, len(left) // _FEWEST_PARTS))
    work = [(parts.new(), left[i : i + size]) for i in range(0, len(left), size)]
    predict_part = PredictPart(arguments, features, top, os.getcwd())
    models = _run(work, predict_part, options) if work else 0
    places = parts.find()
    return (parts.read(places[video]) for video in videos), models


def _run(work, predict_part, options):
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(list(options)))
        _ = (
            pipeline
            | "Parts" >> beam.Create(work)
            | "Spread over the workers" >> beam.Reshuffle()
            | "Predict and write" >> beam.ParDo(predict_part)
        )
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:  # Runners raise what they like, also for what a worker raised.
        reason = str(error).strip()[-2000:]
        raise UserError(
            "The pipeline of Apache Beam must run to its end. Received this error:\n"
            f"{reason}\nThe parts that are whole stay: put right what is wrong, and give the same "
            "command again."
        ) from error
    query = MetricsFilter().with_namespace(_COUNTS).with_name("models")
    return sum(counter.result for counter in result.metrics().query(query)["counters"])
