import io
import pickle
import pickletools

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.torch_tensor import STORAGE_TYPES, StorageType, TorchStorage, TorchTensor

# The exceptions of the C unpickler for bytes that are not a pickle, or a pickle of other objects.
PICKLE_ERRORS = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeError,
    ValueError,
)


class StateDict(dict):
    """Replaces `collections.OrderedDict`; attributes that a pickle would set are dropped."""

    def __setstate__(self, state):
        pass


class StandIn:
    """A harmless function that replaces a function or class of PyTorch in a pickle.

    A pickle can call it, but it cannot set its attributes.
    """

    __slots__ = ("_function",)

    def __init__(self, function):
        self._function = function

    def __call__(self, *args):
        return self._function(*args)

    def __setstate__(self, state):
        raise CheckpointError(f"A pickle must not change functions. Received: {state!r:.80}")


def _rebuild_tensor(storage, offset, shape, strides, *_):
    """Returns a `TorchTensor`; the other arguments (`requires_grad`, hooks) are not needed."""
    return TorchTensor(storage, offset, shape, strides)


ALLOWED = {
    ("collections", "OrderedDict"): StandIn(StateDict),
    ("torch._utils", "_rebuild_tensor"): StandIn(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): StandIn(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): StandIn(lambda data, *_: data),
    ("torch", "Size"): StandIn(lambda sizes=(): tuple(sizes)),
    ("torch", "device"): StandIn(lambda *parts: ":".join(map(str, parts))),
    ("torch.storage", "UntypedStorage"): StorageType("UntypedStorage"),
    **{
        (module, name): StorageType(name)
        for module in ("torch", "torch.cuda")
        for name in STORAGE_TYPES
    },
}


class RestrictedUnpickler(pickle.Unpickler):
    """Reads a pickle of tensors and plain values, and refuses all functions outside of `ALLOWED`.

    A pickle is a program that names functions and calls them. Here, a name that is not in the list
    raises an error before anything is called, and each name in the list is replaced by a harmless
    function of this module.

    Args:
        stream: Bytes of one pickle, as `pickle_bytes` returns them.
        find_storage: Callable from `(key, storage_type, size)` to a `TorchStorage`.
    """

    def __init__(self, stream, find_storage):
        super().__init__(io.BytesIO(stream), encoding="utf-8")
        self._find_storage = find_storage

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise CheckpointError(
                "A checkpoint must hold only tensors, numbers and text; it is read without running "
                f"code. Received: a pickle that wants {module}.{name}: refused, nothing was run. "
                "If you trust its source, load it with PyTorch and save only its state dictionary."
            )
        return ALLOWED[module, name]

    def persistent_load(self, identifier):
        if not isinstance(identifier, tuple) or len(identifier) not in (5, 6):
            raise CheckpointError(
                f"A checkpoint refers to storages only. Received: {identifier!r:.80}"
            )
        kind, storage_type, key, _device, size, *view = identifier
        if kind != "storage" or not isinstance(storage_type, StorageType):
            raise CheckpointError(
                f"A checkpoint refers to storages only. Received: {identifier!r:.80}"
            )
        if type(key) is not str or type(size) is not int or size < 0:
            raise CheckpointError(
                "A storage must have a name and a number of elements. "
                f"Received: key={key!r:.80}, size={size!r:.80}"
            )
        storage = self._find_storage(key, storage_type, size)
        return self._part(storage, *view[0]) if view and view[0] is not None else storage

    @staticmethod
    def _part(storage, key, offset, size):
        """Returns a part of a storage, as checkpoints from before PyTorch 0.4 have them."""
        if not (0 <= offset and 0 <= size and offset + size <= storage.size):
            raise CheckpointError(
                "A part of a storage must lie inside it. "
                f"Received: {size} elements at {offset} of {storage.size}; the file is damaged."
            )
        itemsize = storage.type.raw_dtype.itemsize
        start, end = offset * itemsize, (offset + size) * itemsize
        return TorchStorage(key, storage.type, size, lambda: storage.read()[start:end])


def pickle_bytes(stream):
    """Returns the bytes of the pickle that begins at the position of a stream.

    The instructions are checked without running them: they must be complete, and none may reserve
    more memory than the size of the pickle.

    Args:
        stream: Binary file. Afterwards its position is the end of the pickle.

    Raises:
        CheckpointError: If there is no such pickle.
    """
    start = stream.tell()
    highest = 0
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
                highest = max(highest, argument)
    except PICKLE_ERRORS as error:
        raise CheckpointError(
            "A checkpoint must begin with a complete pickle. Received: one that is truncated or "
            f"damaged ({error}). Download or copy the file again."
        ) from error
    end = stream.tell()
    if highest > end - start:
        raise CheckpointError(
            "A pickle must number its objects one after the other. "
            f"Received: number {highest} in {end - start} bytes; the file is damaged."
        )
    stream.seek(start)
    return stream.read(end - start)


def unpickle(stream, find_storage):
    """Reads the pickle at the position of a stream with `RestrictedUnpickler`.

    Args:
        stream: Binary file. Afterwards its position is the end of the pickle.
        find_storage: Callable from `(key, storage_type, size)` to a `TorchStorage`.

    Raises:
        CheckpointError: If the pickle is damaged, or holds anything but tensors and plain values.
    """
    try:
        return RestrictedUnpickler(pickle_bytes(stream), find_storage).load()
    except CheckpointError:
        raise
    except PICKLE_ERRORS as error:
        raise CheckpointError(
            "A checkpoint's pickle must hold tensors, numbers and text. Received: one that cannot "
            f"be read: {type(error).__name__}: {error}. The file is damaged."
        ) from error
