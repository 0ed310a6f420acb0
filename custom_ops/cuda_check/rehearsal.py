"""Stand-ins with which everything runs but the launches, on a machine without a GPU."""

import ctypes

from custom_ops.cuda_check import calls


class PretendDevice:
    """Addresses without memory, and runs that take no time.

    Attributes:
        most_bytes: The most memory that was allocated at one moment.
    """

    def __init__(self):
        self._next, self._sizes, self.most_bytes = 1 << 40, {}, 0

    def allocate(self, nbytes):
        address = self._next
        self._next += -(-nbytes // calls.GUARD_BYTES) * calls.GUARD_BYTES
        self._sizes[address] = nbytes
        self.most_bytes = max(self.most_bytes, sum(self._sizes.values()))
        return address

    def free(self, address):
        del self._sizes[address]

    def fill(self, address, byte, nbytes):
        pass

    def write(self, address, array):
        pass

    def copy(self, target, source, nbytes):
        pass

    def enqueue_copy(self, target, source, nbytes, stream):
        pass

    def milliseconds(self, enqueues):
        """Calls each run once, and returns no times."""
        for enqueue in enqueues:
            enqueue(None)
        return None, None, None


class PretendKernels(calls.Kernels):
    """The functions of the library, which are looked up and not called.

    Args:
        library: Path of a shared library with the CUDA kernels, or None.
        memory: Where the kernels would find their arrays.
    """

    def __init__(self, library, memory):
        if library is not None:
            super().__init__(library, memory)
        else:
            self.library, self.memory, self.offset = None, memory, 0

    def workspace_bytes(self, name, shape):
        return 0 if self.library is None else super().workspace_bytes(name, shape)

    def pointwise_workspace_bytes(self, shape, filters):
        return 0 if self.library is None else super().pointwise_workspace_bytes(shape, filters)

    def call(self, name, *arguments, stream=None):
        if self.library is not None:
            getattr(self.library, f"gsf_{name}")
        for value in arguments:
            if not isinstance(value, ctypes.Structure):
                ctypes.c_void_p(value)
