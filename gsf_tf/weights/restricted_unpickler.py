import io
import pickletools

from gsf_tf.errors import CheckpointError
from gsf_tf.files.nesting import MAX_DEPTH, MAX_VALUES, check_nesting
from gsf_tf.weights.torch_tensor import STORAGE_TYPES, StorageType, TorchStorage, TorchTensor

# What `pickletools` raises for bytes that are not a pickle, and this file for a pickle whose
# operations do not fit together.
PICKLE_ERRORS = (ArithmeticError, LookupError, MemoryError, TypeError, ValueError)

# Far above what a checkpoint needs: that of a RubiksNet-Large with its optimizer has a fifth.
MAX_PICKLE_BYTES = 2**24
MAX_OPERATIONS = 2**20
MAX_NUMBER_BITS = 1024

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NUMBERS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
}
TEXTS = {
    *("STRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
# Texts of Python 2, which pickletools decodes byte by byte.
OLD_TEXTS = {"BINSTRING", "SHORT_BINSTRING"}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class StateDict(dict):
    """Replaces `collections.OrderedDict`; attributes that a pickle would set are dropped."""


class StandIn:
    """A harmless function that replaces a function or class of PyTorch in a pickle."""

    def __init__(self, function):
        self.call = function


def _state_dict(pairs=()):
    state = StateDict()
    for pair in _sequence(pairs):
        key, value = _sequence(pair)
        state[_key(key)] = value
    return state


def _rebuild_tensor(storage, offset, shape, strides, *_):
    """Returns a `TorchTensor`; the other arguments (`requires_grad`, hooks) are not needed."""
    return TorchTensor(storage, offset, shape, strides)


def _rebuild_parameter(data, *_):
    if not isinstance(data, TorchTensor):
        raise CheckpointError(f"A parameter must be a tensor. Received: a {type(data).__name__}")
    return data


def _size(sizes=()):
    return tuple(_sequence(sizes))


def _device(*parts):
    return ":".join(str(_key(part)) for part in parts)


ALLOWED = {
    ("collections", "OrderedDict"): StandIn(_state_dict),
    ("torch._utils", "_rebuild_tensor"): StandIn(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): StandIn(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): StandIn(_rebuild_parameter),
    ("torch", "Size"): StandIn(_size),
    ("torch", "device"): StandIn(_device),
    ("torch.storage", "UntypedStorage"): StorageType("UntypedStorage"),
    **{
        (module, name): StorageType(name)
        for module in ("torch", "torch.cuda")
        for name in STORAGE_TYPES
    },
}


class RestrictedUnpickler:
    """Reads a pickle of tensors and plain values, and refuses all functions outside of `ALLOWED`.

    A pickle is a program that names functions and calls them. This one is carried out step by step
    without Python's own unpickler. It knows the operations for plain values only. A name that is
    not in the list raises an error before anything is called, and each name in the list stands for
    a harmless function of this module. The keys of dictionaries are text and numbers, so that
    nothing has to be compared or hashed through many levels.

    Args:
        find_storage: Callable from `(key, storage_type, size)` to a `TorchStorage`.
    """

    def __init__(self, find_storage):
        self._find_storage = find_storage
        self._stack, self._marks, self._memo = [], [], {}

    def load(self, data):
        """Carries out the pickle at the beginning of some bytes.

        Returns:
            The object and the length of the pickle.
        """
        count = 0
        for count, (operation, argument, position) in enumerate(pickletools.genops(data), 1):
            if count > MAX_OPERATIONS:
                raise CheckpointError(
                    f"A checkpoint's pickle must have at most {MAX_OPERATIONS} operations. "
                    "Received: a longer one."
                )
            if operation.name == "STOP":
                return self._pop(), position + 1
            self._carry_out(operation.name, argument, count)
        raise ValueError("it has no end")

    def _carry_out(self, name, argument, count):
        push = self._stack.append
        if name in NUMBERS:
            push(_number(argument))
        elif name in TEXTS:
            push(argument)
        elif name in OLD_TEXTS:
            push(argument.encode("latin-1").decode("utf-8"))
        elif name in CONSTANTS:
            push(CONSTANTS[name])
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            push(self._memo[argument])
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._remember(argument, count)
        elif name == "MEMOIZE":
            self._remember(len(self._memo), count)
        elif name == "MARK":
            self._marks.append(len(self._stack))
        elif name in TUPLES:
            push(tuple(reversed([self._pop() for _ in range(TUPLES[name])])))
        elif name in self._METHODS:
            self._METHODS[name](self)
        elif name == "GLOBAL":
            push(_find_function(*argument.split(" ", 1)))
        elif name not in ("PROTO", "FRAME"):
            if name == "INST":
                _find_function(*argument.split(" ", 1))
            raise CheckpointError(
                "A checkpoint's pickle must hold tensors, numbers and text. "
                f"Received: the operation {name}; refused, nothing was run."
            )

    def _pop(self):
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise ValueError("an operation lacks its operand")
        return self._stack.pop()

    def _pop_to_mark(self):
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _top(self, *types):
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise ValueError("an operation lacks its operand")
        top = self._stack[-1]
        if type(top) not in types:
            raise ValueError(f"an operation is for another type than {type(top).__name__}")
        return top

    def _remember(self, number, count):
        if not 0 <= number < count:
            raise CheckpointError(
                "A pickle must number its objects one after the other. "
                f"Received: number {number} for operation {count}; the file is damaged."
            )
        if not self._stack:
            raise ValueError("an operation lacks its operand")
        self._memo[number] = self._stack[-1]

    # ---- Operations of one step ---------------------------------------------------------------

    def _discard(self):
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._pop()

    def _duplicate(self):
        self._stack += [self._pop()] * 2

    def _append(self):
        item = self._pop()
        self._top(list).append(item)

    def _extend(self):
        items = self._pop_to_mark()
        self._top(list).extend(items)

    def _set_item(self):
        value, key = self._pop(), self._pop()
        self._top(dict, StateDict)[_key(key)] = value

    def _set_items(self):
        items = self._pop_to_mark()
        self._top(dict, StateDict).update(_pairs(items))

    def _add_items(self):
        items = self._pop_to_mark()
        self._top(set).update(map(_key, items))

    def _named_function(self):
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise ValueError("a function's name is no text")
        self._stack.append(_find_function(module, name))

    def _call(self):
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, StandIn) or type(arguments) is not tuple:
            raise CheckpointError(
                "A checkpoint's pickle may call the functions that rebuild tensors only. "
                f"Received: a call of a {type(function).__name__}; refused, nothing was run."
            )
        self._stack.append(function.call(*arguments))

    def _set_state(self):
        """Drops the attributes of a state dictionary, such as `_metadata`."""
        self._pop()
        self._top(StateDict)

    def _storage(self):
        """Replaces an identifier by its storage: `("storage", type, key, device, size[, part])`."""
        identifier = self._pop()
        if type(identifier) is not tuple or len(identifier) not in (5, 6):
            raise _no_storage(identifier)
        kind, storage_type, key, _device, size, *part = identifier
        if type(kind) is not str or kind != "storage" or type(storage_type) is not StorageType:
            raise _no_storage(identifier)
        if type(key) is not str or type(size) is not int or size < 0:
            raise CheckpointError(
                "A storage must have a text as its name and a number of elements >= 0. Received: "
                f"name of type {type(key).__name__}, number of type {type(size).__name__}"
            )
        storage = self._find_storage(key, storage_type, size)
        if part and part[0] is not None:
            storage = _part(storage, *_sequence(part[0]))
        self._stack.append(storage)

    _METHODS = {
        "EMPTY_LIST": lambda self: self._stack.append([]),
        "EMPTY_TUPLE": lambda self: self._stack.append(()),
        "EMPTY_DICT": lambda self: self._stack.append({}),
        "EMPTY_SET": lambda self: self._stack.append(set()),
        "LIST": lambda self: self._stack.append(self._pop_to_mark()),
        "TUPLE": lambda self: self._stack.append(tuple(self._pop_to_mark())),
        "DICT": lambda self: self._stack.append(dict(_pairs(self._pop_to_mark()))),
        "FROZENSET": lambda self: self._stack.append(frozenset(map(_key, self._pop_to_mark()))),
        "POP": _discard,
        "POP_MARK": _pop_to_mark,
        "DUP": _duplicate,
        "APPEND": _append,
        "APPENDS": _extend,
        "SETITEM": _set_item,
        "SETITEMS": _set_items,
        "ADDITEMS": _add_items,
        "STACK_GLOBAL": _named_function,
        "REDUCE": _call,
        "BUILD": _set_state,
        "BINPERSID": _storage,
    }


def _number(value):
    if type(value) is int and value.bit_length() > MAX_NUMBER_BITS:
        raise CheckpointError(
            f"A checkpoint's numbers must have at most {MAX_NUMBER_BITS} bits. "
            f"Received: one with {value.bit_length()} bits; the file is damaged."
        )
    return value


def _key(value):
    """Returns a key of a dictionary, which must be text or a number."""
    if type(value) not in (str, bytes, int, float, bool):
        raise CheckpointError(
            "Keys, names and items of sets must be text or numbers in a checkpoint. "
            f"Received: a {type(value).__name__}"
        )
    return value


def _pairs(items):
    if len(items) % 2:
        raise ValueError("a key lacks its value")
    return zip(map(_key, items[::2]), items[1::2], strict=True)


def _sequence(value):
    if type(value) not in (tuple, list):
        raise CheckpointError(
            "Arguments of a tensor must be lists or tuples where PyTorch has them. "
            f"Received: a {type(value).__name__}"
        )
    return value


def _find_function(module, name):
    if (module, name) not in ALLOWED:
        wanted = shown(f"{module}.{name}")
        raise CheckpointError(
            "A checkpoint must hold only tensors, numbers and text; it is read without running "
            f"code. Received: a pickle that wants {wanted}: refused, nothing was run. "
            "If you trust its source, load it with PyTorch and save only its state dictionary."
        )
    return ALLOWED[module, name]


def shown(text):
    """Returns a text of a file for a message: as it is where it can be printed, and not long."""
    return text if text.isprintable() and len(text) <= 100 else f"{text!r:.100}"


def _no_storage(identifier):
    return CheckpointError(
        "A checkpoint must refer to nothing but storages. "
        f"Received: a reference that is a {type(identifier).__name__} of another form"
    )


def _part(storage, key, offset, size):
    """Returns a part of a storage, as checkpoints from before PyTorch 0.4 have them."""
    types = (type(key), type(offset), type(size))
    if types != (str, int, int) or not (
        0 <= offset and 0 <= size and offset + size <= storage.size
    ):
        raise CheckpointError(
            "A part of a storage must have a name, and lie inside it. Received: another one for "
            f"a storage of {storage.size} elements; the file is damaged."
        )
    return TorchStorage(key, storage.type, size, whole=storage, offset=offset)


def unpickle(stream, find_storage):
    """Reads the pickle at the position of a stream with `RestrictedUnpickler`.

    Args:
        stream: Binary file. Afterwards its position is the end of the pickle.
        find_storage: Callable from `(key, storage_type, size)` to a `TorchStorage`.

    Raises:
        CheckpointError: If the pickle is damaged, holds anything but tensors and plain values, or
            is larger, longer or nested more deeply than a checkpoint's.
    """
    start = stream.tell()
    data = stream.read(MAX_PICKLE_BYTES)
    try:
        result, length = RestrictedUnpickler(find_storage).load(io.BytesIO(data))
    except CheckpointError:
        raise
    except PICKLE_ERRORS as error:
        raise CheckpointError(
            "A checkpoint must begin with a complete pickle, of at most "
            f"{MAX_PICKLE_BYTES} bytes. Received: one that is truncated or damaged "
            f"({type(error).__name__}: {str(error)!r:.200}). Download or copy the file again."
        ) from error
    try:
        check_nesting(result)
    except ValueError as error:
        raise CheckpointError(
            f"A checkpoint must have at most {MAX_DEPTH} levels of dictionaries, lists and tuples, "
            f"and {MAX_VALUES} values in them. Received: a pickle where {error}"
        ) from error
    stream.seek(start + length)
    return result
