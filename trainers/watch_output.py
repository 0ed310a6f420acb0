"""What `gsf-tf watch` prints and writes."""

import contextlib
import csv
import dataclasses
import datetime
import json
import os
import sys

from gsf_tf.errors import UserError
from gsf_tf.files.whole_file import reports_write_errors
from gsf_tf.streaming.action_segments import ActionSegments

from .annotated_video import AnnotatedVideo

_COLUMNS = ("video", "start", "end", "class", "score")


@dataclasses.dataclass(frozen=True)
class WatchOptions:
    """The flags that say what is written.

    Attributes:
        rate: Answers per second of the video.
        top: Number of classes that are named.
        every: Seconds of the video between two printed lines.
        json: Print objects instead of lines for people.
        output: Path of the JSON lines, or None.
        segments: Path of the CSV file, or None.
        annotate: Path of the video, or None.
        threshold: As in `ActionSegments`.
        merge: As in `ActionSegments`.
        shortest: As in `ActionSegments`.
    """

    rate: float
    top: int
    every: float
    json: bool
    output: str | None
    segments: str | None
    annotate: str | None
    threshold: float
    merge: float
    shortest: float


class WatchOutput:
    """Prints and writes answers and events; every line is in its file as soon as it is known.

    Args:
        labels: `LabelMap` of the classes.
        options: `WatchOptions`.

    Attributes:
        failures: Number of videos that ended with an error.

    Raises:
        UserError: If a value is out of range, or a file exists or cannot be written.
    """

    def __init__(self, labels, options):
        self._names, self._options = labels.names, options
        self._segments = ActionSegments(
            1 / options.rate, options.threshold, options.merge, options.shortest
        )
        self._lines = self._csv = self._video = None
        self._next_line, self._title, self.failures = 0.0, None, 0

    def __enter__(self):
        with contextlib.ExitStack() as stack, contextlib.ExitStack() as new:
            self._new = new  # Removes the files again, if one of them cannot be made.
            self._lines = self._new_file(stack, self._options.output, "output")
            self._csv = self._new_file(stack, self._options.segments, "segments")
            if self._options.annotate is not None:
                self._new_file(stack, self._options.annotate, "annotate").close()
                self._video = AnnotatedVideo(self._options.annotate, self._options.rate)
                stack.enter_context(self._video)
            self._files = stack.pop_all()
            new.pop_all()
        if self._csv is not None:
            self._write_row(_COLUMNS)
        return self

    def __exit__(self, *error):
        with self._files:
            self._write_segments(self._segments.finish())

    def write_answer(self, answer, dropped):
        """Writes an answer.

        Args:
            answer: `StreamAnswer`.
            dropped: Number of frames that were dropped so far.
        """
        frame, probabilities = answer.frame, answer.probabilities
        best = probabilities.argsort()[::-1][: self._options.top]
        top = [(self._names[k], float(probabilities[k])) for k in best]
        self._title = frame.video
        self._write_object(
            {
                "video": frame.video,
                "seconds": round(frame.seconds, 6),
                "received": _iso_time(frame.received),
                "top": top,
                "dropped": dropped,
            }
        )
        if not self._options.json and frame.seconds >= self._next_line - 1e-6:
            self._next_line = frame.seconds + self._options.every
            print(_line(frame.seconds, top, dropped), flush=True)
        self._write_segments(self._segments.add(frame.seconds, probabilities))
        if self._video is not None:
            with reports_write_errors(self._options.annotate, "annotate"):
                self._video.write(frame, top)

    def write_event(self, event):
        """Writes a `StreamEvent`; behind a break, a segment does not go on."""
        self._title = event.video
        if event.is_break:
            self._write_segments(self._segments.finish())
        if event.kind == "begin":
            self._next_line = 0.0
            if self._video is not None:
                self._video.begin()
        seconds = None if event.seconds is None else round(event.seconds, 6)
        kind = {"event": event.kind, "text": event.text}
        self._write_object({"video": event.video, "seconds": seconds, **kind})
        if event.kind == "failed":
            self.failures += 1
            text = f"A video must come to its end. Received: {event.video}: {event.text}"
            print(f"\nError: {text}", file=sys.stderr, flush=True)
        elif not self._options.json:
            print(f"{event.video}: {event.text}", file=sys.stderr, flush=True)

    def _new_file(self, stack, path, argument):
        if path is None:
            return None
        with reports_write_errors(path, argument):
            try:
                # Names of videos need not be UTF-8.
                coding = {"encoding": "utf-8", "errors": "surrogateescape"}
                file = stack.enter_context(open(path, "x", newline="", **coding))
                self._new.callback(os.unlink, path)
                return file
            except FileExistsError as error:
                raise UserError(
                    f"`{argument}` must be a new file. Received: {path}, which exists. Choose "
                    "another name, or delete it."
                ) from error

    def _write_object(self, values):
        text = json.dumps(values, allow_nan=False)
        if self._lines is not None:
            with reports_write_errors(self._options.output, "output"):
                self._lines.write(text + "\n")
                self._lines.flush()
        if self._options.json:
            print(text, flush=True)

    def _write_segments(self, segments):
        for found in segments:
            if self._csv is not None:
                name, score = self._names[found.label], f"{found.score:.4f}"
                self._write_row(
                    (self._title, f"{found.start:.3f}", f"{found.end:.3f}", name, score)
                )

    def _write_row(self, row):
        with reports_write_errors(self._options.segments, "segments"):
            csv.writer(self._csv, lineterminator="\n").writerow(row)
            self._csv.flush()


def _iso_time(seconds):
    time = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return time.isoformat(timespec="milliseconds")


def _line(seconds, top, dropped):
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    classes = "  ".join(f"{probability:6.1%} {name}" for name, probability in top)
    lost = f"  ({dropped} frames dropped)" if dropped else ""
    return f"{hours:02d}:{minutes:02d}:{rest:06.3f}  {classes}{lost}"
