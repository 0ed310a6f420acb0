"""Which time a frame has, and which ticks."""

import math

import numpy as np

from gsf_tf.streaming.frame_ticks import FrameTicks
from gsf_tf.streaming.stream_clock import StreamClock


def ticks_of(times, rate, gap=1.0):
    chosen, gaps, ticks = {}, [], FrameTicks(rate, gap)
    for time in times:
        numbers, length = ticks.ticks(time)
        chosen |= dict.fromkeys(numbers, time)
        gaps += [] if length is None else [round(length, 6)]
    return chosen, gaps


def test_a_tick_has_the_first_frame_that_is_not_before_it():
    for frame_rate, rate in ((30, 8), (25, 25), (29.97, 12.5), (5, 8)):
        times = np.arange(100) / frame_rate
        chosen, gaps = ticks_of(times, rate)
        assert not gaps
        assert sorted(chosen) == list(range(math.floor((times[-1] + 1e-3) * rate) + 1))
        for tick, time in chosen.items():
            assert time == min(t for t in times if t >= tick / rate - 1e-3)


def test_in_a_gap_no_tick_has_a_frame():
    chosen, gaps = ticks_of([0, 0.5, 1.0, 4.2, 4.7, 5.2], rate=4)
    assert gaps == [3.2]
    # The frame at 4.2 shows what is there from tick 16 = 4.0 s on, not what was there before.
    assert sorted(chosen) == [*range(5), 16, 17, 18, 19, 20]


class Now:
    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


def test_a_stream_begins_at_zero():
    clock = StreamClock(Now())
    clock.connect(True)
    assert [clock.seconds(t) for t in (7.0, 7.5, 9.0)] == [0.0, 0.5, 2.0]


def test_what_a_live_source_sends_again_is_left_out():
    now = Now()
    clock = StreamClock(now)
    clock.connect(True)
    assert [clock.seconds(t) for t in (50.0, 51.0, 52.0)] == [0, 1, 2]
    clock.connect(True)
    now.seconds += 3
    assert [clock.seconds(t) for t in (51.0, 52.0, 53.0, 55.0)] == [None, None, 3, 5]


def test_a_live_source_that_begins_anew_goes_on_by_our_clock():
    for restart in (0.0, 5000.0):
        now = Now()
        clock = StreamClock(now)
        clock.connect(True)
        assert [clock.seconds(t) for t in (500.0, 530.0)] == [0, 30]
        clock.connect(True)
        now.seconds += 4
        assert [clock.seconds(restart + t) for t in (0.0, 1.0)] == [34, 35]


def test_times_that_count_from_zero_in_each_connection_go_on_by_our_clock():
    now = Now()
    clock = StreamClock(now)
    clock.connect(True, from_zero=True)
    assert [clock.seconds(t) for t in (0.0, 5.0)] == [0, 5]
    clock.connect(True, from_zero=True)
    now.seconds += 1
    assert [clock.seconds(t) for t in (0.0, 1.0)] == [6, 7]


def test_a_video_with_an_end_is_the_same_again():
    clock = StreamClock(Now())
    clock.connect(False)
    assert [clock.seconds(t) for t in (0.0, 30.0, 60.0)] == [0, 30, 60]
    clock.connect(False)
    assert [clock.seconds(t) for t in (0.0, 30.0, 60.0, 90.0)] == [None, None, None, 90]
