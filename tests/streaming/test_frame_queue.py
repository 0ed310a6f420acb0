"""A bound for the frames that wait; which of them are dropped."""

import threading

from gsf_tf.streaming.frame_queue import FrameQueue


def take_all(queue):
    items = []
    while (item := queue.get(0)) is not None:
        items.append(item)
    return items


def test_the_oldest_frames_are_dropped_and_counted_but_no_event():
    queue = FrameQueue(2)
    queue.put_event("begin")
    for number in range(5):
        queue.put_frame(number, drop=True)
        queue.put_event(f"after {number}")
    assert take_all(queue) == [
        "begin", "after 0", "after 1", "after 2", 3, "after 3", 4, "after 4"
    ]  # fmt: skip
    assert queue.dropped == 3


def test_frames_of_a_file_wait_for_room():
    queue = FrameQueue(2)
    thread = threading.Thread(target=lambda: [queue.put_frame(n, drop=False) for n in range(9)])
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    assert [queue.get(5) for _ in range(9)] == list(range(9))
    thread.join(5)
    assert queue.dropped == 0 and queue.get(0) is None


def test_closing_lets_go_of_whoever_waits():
    queue = FrameQueue(1)
    thread = threading.Thread(target=lambda: [queue.put_frame(n, drop=False) for n in range(9)])
    thread.start()
    queue.close()
    thread.join(5)
    assert not thread.is_alive()
