import io
import os
import pathlib
import struct
import zipfile
import zlib
from typing import Any

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.restricted_unpickler import unpickle
from gsf_tf.weights.torch_tensor import TorchStorage

ZIP_MAGIC = b"PK\x03\x04"
STREAM_MAGIC = 0x1950A86A20F9469CFC6C
STREAM_PROTOCOL = 1001
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    ValueError,
)


def read_torch_file(path: str | os.PathLike) -> Any:
    """Reads a file of `torch.save` without PyTorch and without running code from the file.

    Both formats are read: the zip archive of PyTorch 1.6 and later, and the stream of earlier
    versions. A tensor becomes a `TorchTensor`, whose data is read when it is used.

    Args:
        path: Path of the file. It must not move until all tensors have been used.

    Returns:
        The saved object: dictionaries, lists, numbers, text, and a `TorchTensor` for each tensor.

    Raises:
        CheckpointError: If the file has neither format, is truncated or damaged, or holds a pickle
            that would call a function, which the message names.
    """
    path = pathlib.Path(path)
    try:
        with open(path, "rb") as file:
            is_zip = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
            file.seek(0)
            return _read_zip(path) if is_zip else _read_stream(path, file)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except OSError as error:
        raise CheckpointError(
            f"A checkpoint must be a file that can be read. Received: {path} ({error})"
        ) from error


def _read_zip(path):
    """Reads an archive of `<name>/data.pkl` and, for each storage, `<name>/data/<key>`."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            _check_members(members, path)
            (pickled,) = (name for name in members if _inside(name) == "data.pkl")
            root = pickled.removesuffix("data.pkl")
            order = members.get(f"{root}byteorder")
            if order is not None and archive.read(order) != b"little":
                raise CheckpointError(
                    "A checkpoint must be little-endian. Received: a big-endian one. Load and save "
                    "it with PyTorch on a little-endian machine."
                )
            storages = {}

            def find_storage(key, storage_type, size):
                storage = TorchStorage(key, storage_type, size)
                known = storages.setdefault(key, storage)
                _check_same(known, storage)
                _check_size(storage, members, f"{root}data/{key}")
                known.read = lambda: _read_member(path, members[f"{root}data/{key}"])
                return known

            return unpickle(io.BytesIO(archive.read(pickled)), find_storage)
    except CheckpointError:
        raise
    except ZIP_ERRORS as error:
        raise CheckpointError(_damaged(f"{type(error).__name__}: {error}")) from error


def _inside(name):
    return name.partition("/")[2]


def _check_members(members, path):
    """Raises CheckpointError unless there is one pickle, and no member is compressed."""
    if sum(_inside(name) == "data.pkl" for name in members) != 1:
        raise CheckpointError(
            "A checkpoint's archive must hold one data.pkl. "
            f"Received: an archive of {', '.join(list(members)[:5]) or 'nothing'}"
        )
    size = os.path.getsize(path)
    for name, info in members.items():
        compressed = info.compress_type != zipfile.ZIP_STORED
        if compressed or info.file_size != info.compress_size or info.file_size > size:
            raise CheckpointError(
                "The members of a checkpoint's archive must be stored, not compressed. "
                f"Received: {name!r}, {info.compress_size} bytes that unpack to "
                f"{info.file_size}. Save it again with PyTorch."
            )


def _check_size(storage, members, name):
    if name not in members:
        raise CheckpointError(_damaged(f"{name} is missing"))
    if members[name].file_size != storage.nbytes:
        raise CheckpointError(
            _damaged(f"{name} has {members[name].file_size} bytes instead of {storage.nbytes}")
        )


def _check_same(known, storage):
    if (known.type, known.size) != (storage.type, storage.size):
        raise CheckpointError(
            _damaged(
                f"the storage {known.key!r} has {known.size} elements of {known.type.name} here, "
                f"{storage.size} of {storage.type.name} there"
            )
        )


def _read_member(path, info):
    """Reads a member at its offset; `ZipFile` would read the directory again for each storage."""
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        header = file.read(30)
        if len(header) == 30 and header.startswith(ZIP_MAGIC):
            file.seek(sum(struct.unpack("<HH", header[26:])), os.SEEK_CUR)
            data = file.read(info.file_size)
            if zlib.crc32(data) == info.CRC:
                return data
    raise CheckpointError(f"{path}: " + _damaged(f"{info.filename} does not have its checksum"))


def _read_stream(path, file):
    """Reads a stream: pickles of a magic number, a version, the machine and the object; storages.

    The storages have the order of a pickled list of keys; each follows its number of elements.
    """
    storages = {}

    def find_storage(key, storage_type, size):
        storage = TorchStorage(key, storage_type, size)
        known = storages.setdefault(key, storage)
        _check_same(known, storage)
        return known

    def no_storage(*_):
        raise CheckpointError(_damaged("a tensor where PyTorch writes none"))

    if not _is_pickle(file) or unpickle(file, no_storage) != STREAM_MAGIC:
        raise CheckpointError(
            "A checkpoint must be a file that torch.save wrote: a zip archive or, before PyTorch "
            "1.6, a stream that begins with its magic number. Received: a file of another kind"
        )
    _check_header(unpickle(file, no_storage), unpickle(file, no_storage))
    result = unpickle(file, find_storage)
    keys = unpickle(file, no_storage)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        raise CheckpointError(_damaged("its list of storages is not that of its tensors"))
    end = os.path.getsize(path)
    for key in keys:
        storage, count = storages[key], file.read(8)
        start = file.tell()
        if len(count) != 8 or struct.unpack("<q", count)[0] != storage.size:
            raise CheckpointError(_damaged(f"the size of the storage {key!r} does not agree"))
        if start + storage.nbytes > end:
            raise CheckpointError(
                _damaged(f"the storage {key!r} would end at byte {start + storage.nbytes} of {end}")
            )
        storage.read = lambda start=start, nbytes=storage.nbytes: _read_range(path, start, nbytes)
        file.seek(start + storage.nbytes)
    return result


def _is_pickle(file):
    first = file.read(1)
    file.seek(0)
    return first == b"\x80"


def _check_header(version, machine):
    is_little = isinstance(machine, dict) and machine.get("little_endian") is True
    if version != STREAM_PROTOCOL or not is_little:
        raise CheckpointError(
            f"A stream must have version {STREAM_PROTOCOL} and be from a little-endian machine. "
            f"Received: version {version!r:.80}, {machine!r:.80}"
        )


def _read_range(path, start, nbytes):
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(nbytes)


def _damaged(reason):
    return f"The file is truncated or damaged: {reason}. Download or copy it again."
