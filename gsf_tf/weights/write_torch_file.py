import contextlib
import os
import pathlib
import struct
import zipfile

import numpy as np

STORAGES = {"float32": "FloatStorage", "int64": "LongStorage"}
ROOT = "archive"


def write_torch_file(content, path):
    """Writes a file that `torch.load(path, weights_only=True)` opens, without PyTorch.

    The format is the zip archive of PyTorch 1.6. It holds a pickle of the object, in which tensors
    refer to other members of the archive, and these members.

    Args:
        content: Dictionary from strings to numbers, strings, None, such dictionaries, and NumPy
            arrays of float32 or int64, which become tensors.
        path: Path of the file. The file appears there only when it is complete.

    Raises:
        OSError: If the file cannot be written. What was there before stays, and nothing is left.
    """
    path = pathlib.Path(path)
    arrays = []
    pickled = b"\x80\x02" + _encode(content, arrays) + b"."
    partial = path.with_name(path.name + ".partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(f"{ROOT}/data.pkl", pickled)
            archive.writestr(f"{ROOT}/byteorder", "little")
            for key, array in enumerate(arrays):
                archive.writestr(
                    f"{ROOT}/data/{key}", array.astype(array.dtype.newbyteorder("<")).tobytes()
                )
            archive.writestr(f"{ROOT}/version", "3\n")
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _encode(value, arrays):
    """Returns pickle instructions (protocol 2) that put `value` on the stack."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        size = value.bit_length() // 8 + 1
        return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"X" + struct.pack("<I", len(data)) + data
    if isinstance(value, tuple):
        return b"(" + b"".join(_encode(item, arrays) for item in value) + b"t"
    if isinstance(value, dict):
        items = (_encode(part, arrays) for item in value.items() for part in item)
        return b"}(" + b"".join(items) + b"u"
    return _encode_tensor(value, arrays)


def _encode_tensor(array, arrays):
    """`_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`."""
    strides = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
    storage = (
        b"("
        + _encode("storage", arrays)
        + _global("torch", STORAGES[array.dtype.name])
        + _encode(str(len(arrays)), arrays)
        + _encode("cpu", arrays)
        + _encode(array.size, arrays)
        + b"tQ"
    )
    arrays.append(array)
    arguments = (
        storage
        + b"".join(_encode(part, arrays) for part in (0, array.shape, strides[: array.ndim], False))
        + _global("collections", "OrderedDict")
        + b")R"
    )
    return _global("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def _global(module, name):
    return f"c{module}\n{name}\n".encode()
