"""The time of functions of PyTorch on the GPU."""

import statistics

import torch

_REPLAY_MILLISECONDS = 2.0
_REPLAYS = 7
_MOST_RUNS = 50


def milliseconds(runs):
    """Returns the median time of a run, over replays of a CUDA graph, without Python's share.

    Args:
        runs: Functions without arguments, which take turns.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        # What is compiled or chosen on a first call is not measured.
        for _ in range(3):
            for run in runs:
                run()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for run in runs:
            run()
        end.record()
    torch.cuda.synchronize()
    once = begin.elapsed_time(end) / len(runs)
    rounds = int(_REPLAY_MILLISECONDS / max(once, 1e-3)) // len(runs) + 1
    count = min(rounds, -(-_MOST_RUNS // len(runs))) * len(runs)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for i in range(count):
            runs[i % len(runs)]()
    times = []
    graph.replay()
    for _ in range(_REPLAYS):
        begin.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / count)
    return statistics.median(times)
