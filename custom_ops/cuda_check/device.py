"""A GPU through the CUDA runtime and ctypes alone."""

import ctypes
import ctypes.util
import pathlib
import statistics

import numpy as np

_CAPTURE_THREAD_LOCAL = 1
_COPY_ON_DEVICE, _COPY_DEFAULT = 3, 4
_COMPUTE_MAJOR, _COMPUTE_MINOR = 75, 76
# A replay of a graph lasts about this long: so much longer than the clock of the events ticks.
_REPLAY_MILLISECONDS = 2.0
_REPLAYS = 7
_MOST_RUNS = 200


class DeviceError(RuntimeError):
    """There is no GPU, no CUDA runtime, or a call of it failed."""


class Device:
    """The first visible GPU: memory, as `calls.HostMemory`, and timing.

    Args:
        cuda_home: Folder of the CUDA toolkit; its runtime comes before the system's.
    """

    def __init__(self, cuda_home):
        self._runtime = _load_runtime(pathlib.Path(cuda_home))
        self._runtime.cudaGetErrorString.restype = ctypes.c_char_p
        count = ctypes.c_int()
        self._call("GetDeviceCount", ctypes.byref(count))
        if count.value == 0:
            raise DeviceError("The CUDA runtime sees no GPU.")
        self._call("SetDevice", 0)
        # One that does not wait for the default stream.
        self.stream = self._new("StreamCreateWithFlags", 1).value

    def architecture(self):
        """Returns the compute capability as nvcc names it, `sm_90`."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("DeviceGetAttribute", ctypes.byref(major), _COMPUTE_MAJOR, 0)
        self._call("DeviceGetAttribute", ctypes.byref(minor), _COMPUTE_MINOR, 0)
        return f"sm_{major.value}{minor.value}"

    def allocate(self, nbytes):
        return self._new("Malloc", ctypes.c_size_t(nbytes)).value

    def free(self, address):
        self._call("Free", ctypes.c_void_p(address))

    def fill(self, address, byte, nbytes):
        self._call("Memset", ctypes.c_void_p(address), byte, ctypes.c_size_t(nbytes))

    def write(self, address, array):
        self._copy(address, array.ctypes.data, array.nbytes)

    def read(self, address, nbytes):
        array = np.empty(nbytes, np.uint8)
        self._copy(array.ctypes.data, address, nbytes)
        return array

    def copy(self, target, source, nbytes):
        self._copy(target, source, nbytes)

    def enqueue_copy(self, target, source, nbytes, stream):
        """Enqueues a copy from one place of the device's memory to another."""
        pointers = ctypes.c_void_p(target), ctypes.c_void_p(source)
        size, stream = ctypes.c_size_t(nbytes), ctypes.c_void_p(stream)
        self._call("MemcpyAsync", *pointers, size, _COPY_ON_DEVICE, stream)

    def milliseconds(self, enqueues):
        """Returns the least, the median and the largest time of a run, over replays of a graph.

        The runs are captured as a graph, so that Python takes no part. Capturing fails where a
        run waits for the device or uses another stream.

        Args:
            enqueues: Functions of a stream, which take turns: each enqueues one run.
        """
        once = self._replay(enqueues, len(enqueues), 1)[0]
        rounds = int(_REPLAY_MILLISECONDS / max(once, 1e-3)) // len(enqueues) + 1
        count = min(rounds, -(-_MOST_RUNS // len(enqueues))) * len(enqueues)
        times = self._replay(enqueues, count, _REPLAYS)
        return min(times), statistics.median(times), max(times)

    def _replay(self, enqueues, count, replays):
        """Returns the time per run of each replay of a graph of `count` runs."""
        stream = ctypes.c_void_p(self.stream)
        for enqueue in enqueues:
            enqueue(self.stream)
        self._call("StreamSynchronize", stream)
        self._call("StreamBeginCapture", stream, _CAPTURE_THREAD_LOCAL)
        for i in range(count):
            enqueues[i % len(enqueues)](self.stream)
        graph = ctypes.c_void_p()
        self._call("StreamEndCapture", stream, ctypes.byref(graph))
        program = self._new("GraphInstantiateWithFlags", graph, ctypes.c_ulonglong(0))
        events = [self._new("EventCreate") for _ in range(replays + 1)]
        self._call("GraphLaunch", program, stream)
        self._call("EventRecord", events[0], stream)
        for event in events[1:]:
            self._call("GraphLaunch", program, stream)
            self._call("EventRecord", event, stream)
        self._call("EventSynchronize", events[-1])
        times = [
            self._elapsed(begin, end) / count
            for begin, end in zip(events[:-1], events[1:], strict=True)
        ]
        for event in events:
            self._call("EventDestroy", event)
        self._call("GraphExecDestroy", program)
        self._call("GraphDestroy", graph)
        return times

    def _elapsed(self, begin, end):
        elapsed = ctypes.c_float()
        self._call("EventElapsedTime", ctypes.byref(elapsed), begin, end)
        return elapsed.value

    def _copy(self, target, source, nbytes):
        # The kernels run in the default stream or in ours, and both must be done.
        self._call("DeviceSynchronize")
        pointers = ctypes.c_void_p(target), ctypes.c_void_p(source)
        self._call("Memcpy", *pointers, ctypes.c_size_t(nbytes), _COPY_DEFAULT)

    def _new(self, name, *arguments):
        handle = ctypes.c_void_p()
        self._call(name, ctypes.byref(handle), *arguments)
        return handle

    def _call(self, name, *arguments):
        error = getattr(self._runtime, f"cuda{name}")(*arguments)
        if error:
            text = self._runtime.cudaGetErrorString(error).decode()
            raise DeviceError(f"cuda{name} failed with error {error}: {text}.")


def _load_runtime(cuda_home):
    names = [*map(str, sorted(cuda_home.glob("lib64/libcudart.so*")))]
    names += [ctypes.util.find_library("cudart"), "libcudart.so"]
    for name in filter(None, names):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise DeviceError(
        "The CUDA runtime, libcudart.so, was not found. It is part of the CUDA toolkit. "
        f"Received: {cuda_home} as its folder. Set CUDA_HOME or LD_LIBRARY_PATH."
    )
