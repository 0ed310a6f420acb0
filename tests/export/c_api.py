"""Loads and runs a SavedModel through TensorFlow's C API, as TensorFlow Serving's loader does.

`tensorflow_model_server` loads a version by `tensorflow::LoadSavedModel` with the tag `serve`;
`TF_LoadSessionFromSavedModel` is the C function around it. It is part of TensorFlow's wheel.
"""

import ctypes
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

_WHEEL = pathlib.Path(tf.__file__).parent
_POINTERS = (
    *("TF_NewStatus", "TF_NewSessionOptions", "TF_NewGraph", "TF_NewBuffer"),
    *("TF_LoadSessionFromSavedModel", "TF_GraphOperationByName", "TF_AllocateTensor"),
    *("TF_TensorData", "TF_StringGetDataPointer"),
)
_DATA_TYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "object": 7}
_ARRAY_TYPES = {1: np.float32}
_STRING = 7
Pointer = ctypes.c_void_p


class String(ctypes.Structure):
    """`TF_TString`, which only TensorFlow's functions look into."""

    _fields_ = [("content", ctypes.c_char * 24)]


class Buffer(ctypes.Structure):
    _fields_ = [("data", Pointer), ("length", ctypes.c_size_t), ("deallocator", Pointer)]


class Output(ctypes.Structure):
    _fields_ = [("operation", Pointer), ("index", ctypes.c_int)]


def _library():
    ctypes.CDLL(str(_WHEEL / "libtensorflow_framework.so.2"), ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(_WHEEL / "libtensorflow_cc.so.2"), ctypes.RTLD_GLOBAL)
    for name in _POINTERS:
        getattr(library, name).restype = Pointer
    library.TF_Message.restype = ctypes.c_char_p
    library.TF_TensorByteSize.restype = ctypes.c_size_t
    library.TF_StringGetSize.restype = ctypes.c_size_t
    library.TF_StringCopy.argtypes = [Pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.TF_Dim.restype = ctypes.c_int64
    library.TF_AllocateTensor.argtypes = [ctypes.c_int, Pointer, ctypes.c_int, ctypes.c_size_t]
    return library


class ServedModel:
    """A session on a SavedModel.

    Args:
        folder: The SavedModel.

    Attributes:
        signatures: `SignatureDef` by name.
    """

    def __init__(self, folder):
        self._library = _library()
        self._status = Pointer(self._library.TF_NewStatus())
        self._graph = Pointer(self._library.TF_NewGraph())
        meta_graph = Pointer(self._library.TF_NewBuffer())
        self._session = Pointer(
            self._library.TF_LoadSessionFromSavedModel(
                Pointer(self._library.TF_NewSessionOptions()),
                None,
                str(folder).encode(),
                (ctypes.c_char_p * 1)(b"serve"),
                1,
                self._graph,
                meta_graph,
                self._status,
            )
        )
        self._raise_error()
        buffer = ctypes.cast(meta_graph, ctypes.POINTER(Buffer)).contents
        content = ctypes.string_at(buffer.data, buffer.length)
        self.signatures = meta_graph_pb2.MetaGraphDef.FromString(content).signature_def

    def run(self, signature, names=None, **inputs):
        """Runs a signature.

        Args:
            signature: Its name.
            names: The outputs to compute; all by default.
            **inputs: Arrays by the names of the inputs; of bytes, arrays of objects.

        Returns:
            Arrays by the names of the outputs, float32 or bytes.

        Raises:
            RuntimeError: If TensorFlow refuses the request, with its message.
        """
        definition = self.signatures[signature]
        fed = [
            (self._output(definition.inputs[n].name), self._tensor(v)) for n, v in inputs.items()
        ]
        names = names or list(definition.outputs)
        fetched = [self._output(definition.outputs[name].name) for name in names]
        results = (Pointer * len(names))()
        self._library.TF_SessionRun(
            self._session,
            None,
            (Output * len(fed))(*[output for output, _ in fed]),
            (Pointer * len(fed))(*[tensor for _, tensor in fed]),
            len(fed),
            (Output * len(names))(*fetched),
            results,
            len(names),
            None,
            0,
            None,
            self._status,
        )
        self._raise_error()
        return {name: self._array(Pointer(p)) for name, p in zip(names, results, strict=True)}

    def _output(self, name):
        operation, index = name.split(":")
        return Output(
            self._library.TF_GraphOperationByName(self._graph, operation.encode()), int(index)
        )

    def _tensor(self, array):
        array = np.ascontiguousarray(array)
        sizes = (ctypes.c_int64 * array.ndim)(*array.shape)
        is_text = array.dtype == object
        size = ctypes.sizeof(String) * array.size if is_text else array.nbytes
        data_type = _DATA_TYPES[array.dtype.name]
        tensor = Pointer(
            self._library.TF_AllocateTensor(
                data_type, ctypes.cast(sizes, Pointer), array.ndim, size
            )
        )
        data = self._library.TF_TensorData(tensor)
        if is_text:
            for target, value in zip(self._strings(data, array.size), array.flat, strict=True):
                self._library.TF_StringInit(ctypes.byref(target))
                self._library.TF_StringCopy(ctypes.byref(target), value, len(value))
        else:
            ctypes.memmove(data, array.ctypes.data, array.nbytes)
        return tensor

    def _strings(self, data, number):
        return (String * number).from_address(data)

    def _array(self, tensor):
        shape = [self._library.TF_Dim(tensor, i) for i in range(self._library.TF_NumDims(tensor))]
        data, data_type = self._library.TF_TensorData(tensor), self._library.TF_TensorType(tensor)
        if data_type == _STRING:
            strings = map(ctypes.byref, self._strings(data, int(np.prod(shape))))
            texts = [self._text(string) for string in strings]
            return np.array(texts, object).reshape(shape)
        content = ctypes.string_at(data, self._library.TF_TensorByteSize(tensor))
        return np.frombuffer(content, _ARRAY_TYPES[data_type]).reshape(shape)

    def _text(self, string):
        pointer = self._library.TF_StringGetDataPointer(string)
        return ctypes.string_at(pointer, self._library.TF_StringGetSize(string))

    def _raise_error(self):
        if self._library.TF_GetCode(self._status):
            raise RuntimeError(self._library.TF_Message(self._status).decode())
