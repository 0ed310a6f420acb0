import io
import os
import pathlib
import struct
import zipfile
import zlib
from typing import Any

from gsf_tf.errors import CheckpointError
from gsf_tf.files.regular_file import open_regular
from gsf_tf.weights.restricted_unpickler import MAX_PICKLE_BYTES, shown, unpickle
from gsf_tf.weights.torch_tensor import TorchStorage

ZIP_MAGIC = b"PK\x03\x04"
STREAM_MAGIC = 0x1950A86A20F9469CFC6C
STREAM_PROTOCOL = 1001
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ArithmeticError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    ValueError,
)
LOCAL_HEADER = 30  # Bytes before a member's name and data.


def read_torch_file(path: str | os.PathLike) -> Any:
    """Reads a file of `torch.save` without PyTorch and without running code from the file.

    Both formats are read: the zip archive of PyTorch 1.6 and later, and the stream of earlier
    versions. A tensor becomes a `TorchTensor`, whose data is read when it is used. What a file may
    hold is bounded: at most 2^20 operations, 64 levels of nesting, text and numbers as keys, and no
    tensor with more elements than its storage. So time and memory follow the size of the file.

    Args:
        path: Path of the file. It must not move until all tensors have been used.

    Returns:
        The saved object: dictionaries, lists, numbers, text, and a `TorchTensor` for each tensor.

    Raises:
        CheckpointError: If the file has neither format, is truncated or damaged, breaks one of the
            bounds, or holds a pickle that would call a function, which the message names.
    """
    path = pathlib.Path(path)
    try:
        with open_regular(path) as file:
            is_zip = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
            file.seek(0)
            return _read_zip(path, file) if is_zip else _read_stream(path, file)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except OSError as error:
        raise CheckpointError(
            f"A checkpoint must be a file that can be read. Received: {path} ({error})"
        ) from error


def _read_zip(path, file):
    """Reads an archive of `<name>/data.pkl` and, for each storage, `<name>/data/<key>`."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename: info for info in archive.infolist()}
            _check_members(archive.infolist(), path)
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


def _check_members(infos, path):
    """Raises CheckpointError unless there is one pickle, and members are parts of the file."""
    if sum(_inside(info.filename) == "data.pkl" for info in infos) != 1:
        held = ", ".join(f"{shown(info.filename)}" for info in infos[:5])
        raise CheckpointError(
            f"A checkpoint's archive must hold one data.pkl. Received: {held or 'an empty archive'}"
        )
    size, total = os.path.getsize(path), 0
    for info in infos:
        compressed = info.compress_type != zipfile.ZIP_STORED
        if compressed or info.file_size != info.compress_size or info.file_size > size:
            raise CheckpointError(
                "The members of a checkpoint's archive must be stored, not compressed. "
                f"Received: {shown(info.filename)}, {info.compress_size} bytes that unpack to "
                f"{info.file_size}. Save it again with PyTorch."
            )
        if not 0 <= info.header_offset <= size - LOCAL_HEADER - info.file_size:
            raise CheckpointError(_damaged(f"{shown(info.filename)} lies outside of the file"))
        total += LOCAL_HEADER + info.file_size
        if _inside(info.filename) == "data.pkl" and info.file_size > MAX_PICKLE_BYTES:
            raise CheckpointError(
                f"A checkpoint's data.pkl must have at most {MAX_PICKLE_BYTES} bytes. "
                f"Received: {info.file_size}"
            )
    if total > size or len({info.filename for info in infos}) < len(infos):
        raise CheckpointError(_damaged("two members of its archive have one place or one name"))


def _check_size(storage, members, name):
    if name not in members:
        raise CheckpointError(_damaged(f"{shown(name)} is missing"))
    if members[name].file_size != storage.nbytes:
        raise CheckpointError(
            _damaged(
                f"{shown(name)} has {members[name].file_size} bytes instead of {storage.nbytes}"
            )
        )


def _check_same(known, storage):
    if (known.type, known.size) != (storage.type, storage.size):
        raise CheckpointError(
            _damaged(
                f"the storage {shown(known.key)} has {known.size} elements of {known.type.name} "
                f"here, {storage.size} of {storage.type.name} there"
            )
        )


def _read_member(path, info):
    """Reads a member at its offset; `ZipFile` would read the directory again for each storage."""
    with open_regular(path) as file:
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER)
        if len(header) == LOCAL_HEADER and header.startswith(ZIP_MAGIC):
            file.seek(sum(struct.unpack("<HH", header[26:])), os.SEEK_CUR)
            data = file.read(info.file_size)
            if zlib.crc32(data) == info.CRC:
                return data
    raise CheckpointError(
        f"{path}: " + _damaged(f"{shown(info.filename)} does not have its checksum")
    )


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

    magic = unpickle(file, no_storage) if _is_pickle(file) else None
    if type(magic) is not int or magic != STREAM_MAGIC:
        raise CheckpointError(
            "A checkpoint must be a file that torch.save wrote: a zip archive or, before PyTorch "
            "1.6, a stream that begins with its magic number. Received: a file of another kind"
        )
    _check_header(unpickle(file, no_storage), unpickle(file, no_storage))
    result = unpickle(file, find_storage)
    keys = unpickle(file, no_storage)
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise CheckpointError(_damaged("its list of storages is no list of texts"))
    if sorted(keys) != sorted(storages):
        raise CheckpointError(_damaged("its list of storages is not that of its tensors"))
    end = os.path.getsize(path)
    for key in keys:
        storage, count = storages[key], file.read(8)
        start = file.tell()
        if len(count) != 8 or struct.unpack("<q", count)[0] != storage.size:
            raise CheckpointError(_damaged(f"the size of the storage {shown(key)} does not agree"))
        if start + storage.nbytes > end:
            raise CheckpointError(
                _damaged(
                    f"the storage {shown(key)} would end at byte {start + storage.nbytes} of {end}"
                )
            )
        storage.read = lambda start=start, nbytes=storage.nbytes: _read_range(path, start, nbytes)
        file.seek(start + storage.nbytes)
    return result


def _is_pickle(file):
    first = file.read(1)
    file.seek(0)
    return first == b"\x80"


def _check_header(version, machine):
    is_known = type(version) is int and version == STREAM_PROTOCOL
    is_little = isinstance(machine, dict) and machine.get("little_endian") is True
    if not is_known or not is_little:
        raise CheckpointError(
            f"A stream must have version {STREAM_PROTOCOL} and be from a little-endian machine. "
            f"Received: {'this' if is_known else 'another'} version, "
            f"{'such a' if is_little else 'another'} machine"
        )


def _read_range(path, start, nbytes):
    with open_regular(path) as file:
        file.seek(start)
        return file.read(nbytes)


def _damaged(reason):
    return f"The file is truncated or damaged: {reason}. Download or copy it again."
