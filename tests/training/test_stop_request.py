import os
import signal

import pytest
import tensorflow as tf

from gsf_tf.training.devices import Devices
from gsf_tf.training.stop_request import StopRequest


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_first_signal_is_noted(number, status):
    before = signal.getsignal(number)
    with StopRequest(Devices(tf.distribute.get_strategy())) as stop:
        assert stop.ask() is None
        os.kill(os.getpid(), number)
        assert stop.ask() == stop.signal == number and stop.exit_status == status
    assert signal.getsignal(number) == before


def test_the_second_signal_ends_the_process():
    child = os.fork()
    if not child:
        with StopRequest(Devices(tf.distribute.get_strategy())):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
