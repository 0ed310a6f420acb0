import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from gsf_tf.errors import CheckpointError

MAX_AXES = 32
# The largest offset, size and stride: with eight bytes per element, NumPy's arithmetic holds them.
LARGEST = 2**48

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


@dataclasses.dataclass(eq=False)
class TorchStorage:
    """A block of a checkpoint's data, which is read when it is first used.

    Attributes:
        key: Name of the block in the file.
        type: `StorageType` of its elements.
        size: Number of elements.
        read: Callable without arguments that returns its `size * itemsize` bytes.
        whole: The `TorchStorage` of which this one is a part, or None.
        offset: First element in `whole`.
    """

    key: str
    type: StorageType
    size: int
    read: Callable | None = None
    whole: "TorchStorage | None" = None
    offset: int = 0

    @property
    def nbytes(self):
        return self.size * self.type.raw_dtype.itemsize

    @functools.cached_property
    def array(self):
        """All elements as a one-dimensional array; bfloat16 becomes float32."""
        if self.whole is not None:
            return self.whole.array[self.offset : self.offset + self.size]
        try:
            data = self.read()
        except OSError as error:
            raise CheckpointError(
                "A checkpoint must stay readable until all its tensors have been used. "
                f"Received: {type(error).__name__}: {error}"
            ) from error
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


class TorchTensor:
    """A view of a storage: a tensor or parameter of PyTorch.

    It has at most as many elements as its storage, so that what a file announces is not larger than
    what it holds. (`Tensor.expand` repeats elements without storing them.)

    Args:
        storage: `TorchStorage`.
        offset: First element in the storage.
        shape: Sizes of the axes, a tuple or list.
        strides: Elements between neighbors, for each axis, a tuple or list.

    Raises:
        CheckpointError: If the view reaches outside its storage, or has more elements.
    """

    __slots__ = ("offset", "shape", "storage", "strides")

    def __init__(self, storage, offset, shape, strides):
        if not isinstance(storage, TorchStorage):
            raise CheckpointError(
                f"A tensor must lie in a storage. Received: a {type(storage).__name__}"
            )
        for name, sizes in {"shape": shape, "strides": strides}.items():
            if type(sizes) not in (tuple, list):
                raise CheckpointError(
                    "Shape and strides of a tensor must be tuples. "
                    f"Received: {name} of type {type(sizes).__name__}"
                )
        shape, strides = tuple(shape), tuple(strides)
        if len(shape) != len(strides) or len(shape) > MAX_AXES:
            raise CheckpointError(
                f"A tensor must have at most {MAX_AXES} axes, and a stride for each. "
                f"Received: {len(shape)} axes, {len(strides)} strides"
            )
        numbers = (offset, *shape, *strides)
        if not all(type(number) is int and 0 <= number <= LARGEST for number in numbers):
            raise CheckpointError(
                f"Offset, shape and strides of a tensor must be integers in 0..{LARGEST}. "
                "Received: others; the file is damaged."
            )
        elements = math.prod(shape)
        # PyTorch leaves any stride at an axis of one element.
        strides = tuple(
            step if elements and size > 1 else 0 for size, step in zip(shape, strides, strict=True)
        )
        last = offset + sum(
            (size - 1) * step for size, step in zip(shape, strides, strict=True) if size
        )
        inside = last < storage.size if elements else offset <= storage.size
        if not inside or math.prod(filter(None, shape)) > LARGEST:
            raise CheckpointError(
                "A tensor must lie inside its storage. "
                f"Received: offset={offset}, shape={shape}, strides={strides} in a storage "
                f"of {storage.size} elements; the file is damaged."
            )
        if elements > storage.size:
            raise CheckpointError(
                "A tensor must not have more elements than its storage. "
                f"Received: shape={shape}, strides={strides} in a storage of {storage.size} "
                "elements. If they are repeated on purpose (`Tensor.expand`), save a copy: "
                "`tensor.clone()`."
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

    def __repr__(self):
        return f"TorchTensor(shape={self.shape}, type={self.storage.type.name})"
