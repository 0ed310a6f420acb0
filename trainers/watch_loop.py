"""The loop of `gsf-tf watch`, from frames to what is written."""

import signal
import threading

from gsf_tf.streaming.stream_answers import StreamAnswers
from gsf_tf.streaming.stream_event import StreamEvent


class SignalStop:
    """Calls a function at the first Ctrl-C or SIGTERM; a second one ends the process at once."""

    def __init__(self, stop):
        self._stop, self._before = stop, {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame):
        signal.signal(number, signal.SIG_DFL)
        self._stop()


def watch(reader, model, output):
    """Runs the model on what the reader reads, and writes answers and events in their order."""
    answers = StreamAnswers(model)

    def write_all(answered):
        for answer in answered:
            output.write_answer(answer, reader.dropped)

    for item in reader.items():
        if not isinstance(item, StreamEvent):
            write_all(answers.add(item))
            continue
        if item.is_break:
            write_all(answers.finish())
        output.write_event(item)
    write_all(answers.finish())
