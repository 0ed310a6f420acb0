import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from gsf_tf.errors import CheckpointError

# PyTorch's storage classes. NumPy has no bfloat16: its bits are read as integers and widened.
STORAGE_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
    "UntypedStorage": "<u1",
}


@dataclasses.dataclass(frozen=True)
class StorageType:
    """The storage class of PyTorch that a checkpoint names, such as `FloatStorage`."""

    name: str

    @property
    def raw_dtype(self):
        """The dtype of the elements in the file."""
        dtype = STORAGE_TYPES[self.name]
        return np.dtype("<u2" if dtype == "bfloat16" else dtype)

    def __setstate__(self, state):
        raise CheckpointError(f"A storage class must have no state. Received: {state!r:.80}")


@dataclasses.dataclass(eq=False)
class TorchStorage:
    """A block of a checkpoint's data, which is read when it is first used.

    Attributes:
        key: Name of the block in the file.
        type: `StorageType` of its elements.
        size: Number of elements.
        read: Callable without arguments that returns its `size * itemsize` bytes.
    """

    key: str
    type: StorageType
    size: int
    read: Callable | None = None

    @property
    def nbytes(self):
        return self.size * self.type.raw_dtype.itemsize

    @functools.cached_property
    def array(self):
        """All elements as a one-dimensional array; bfloat16 becomes float32."""
        data = self.read()
        if len(data) != self.nbytes:
            raise CheckpointError(
                f"A storage of {self.size} elements of {self.type.name} must have {self.nbytes} "
                "bytes. "
                f"Received: {len(data)} bytes for the storage {self.key!r}; the file is damaged."
            )
        flat = np.frombuffer(data, self.type.raw_dtype)
        if self.type.name == "BFloat16Storage":
            flat = (flat.astype("<u4") << 16).view("<f4")
        return flat

    def __setstate__(self, state):
        raise CheckpointError(f"A storage must have no state. Received: {state!r:.80}")


class TorchTensor:
    """A view of a storage: a tensor or parameter of PyTorch.

    Args:
        storage: `TorchStorage`.
        offset: First element in the storage.
        shape: Sizes of the axes.
        strides: Elements between neighbors, for each axis.

    Raises:
        CheckpointError: If the view reaches outside its storage.
    """

    __slots__ = ("offset", "shape", "storage", "strides")

    def __init__(self, storage, offset, shape, strides):
        if not isinstance(storage, TorchStorage):
            raise CheckpointError(
                f"A tensor must lie in a storage. Received: {type(storage).__name__}"
            )
        shape, strides = tuple(shape), tuple(strides)
        numbers = (offset, *shape, *strides)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise CheckpointError(
                "Offset, shape and strides of a tensor must be integers >= 0. "
                f"Received: offset={offset!r}, shape={shape!r}, strides={strides!r}"
            )
        if len(shape) != len(strides) or len(shape) > 32:
            raise CheckpointError(
                "A tensor must have at most 32 axes, and a stride for each. "
                f"Received: shape={shape!r}, strides={strides!r}"
            )
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if math.prod(shape) and last >= storage.size:
            raise CheckpointError(
                "A tensor must lie inside its storage. "
                f"Received: offset={offset}, shape={shape}, strides={strides} in the storage "
                f"{storage.key!r} of {storage.size} elements; the file is damaged."
            )
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def numpy(self):
        """Returns the elements as a read-only view of the storage; bfloat16 becomes float32.

        Raises:
            CheckpointError: If the data cannot be read from the file.
        """
        flat = self.storage.array[self.offset :]
        strides = [step * flat.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(flat, self.shape, strides, writeable=False)

    def __setstate__(self, state):
        raise CheckpointError(f"A tensor must have no state. Received: {state!r:.80}")

    def __repr__(self):
        return f"TorchTensor(shape={self.shape}, type={self.storage.type.name})"
