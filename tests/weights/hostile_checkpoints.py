"""Checkpoints that are damaged or made to do harm, drawn by a seed. PyTorch is not needed."""

import io
import pickle
import pickletools
import struct
import zipfile

import numpy as np

from gsf_tf.weights.read_torch_file import STREAM_MAGIC, STREAM_PROTOCOL
from gsf_tf.weights.write_torch_file import _encode
from tests.data.damage_maker import cut, flip, insert, remove, repeat, zero

FLOATS = b"ctorch\nFloatStorage\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def text(value):
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    size = value.bit_length() // 8 + 1
    return b"\x8b" + struct.pack("<i", size) + value.to_bytes(size, "little", signed=True)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(elements=4, key="0"):
    return b"(" + text("storage") + FLOATS + text(key) + text("cpu") + number(elements) + b"tQ"


def tensor(shape, strides, offset=0, elements=4):
    return (
        REBUILD
        + b"("
        + storage(elements)
        + number(offset)
        + numbers(shape)
        + numbers(strides)
        + b"\x89}tR"
    )


def program(value):
    """A pickle of one dictionary with one entry."""
    return b"\x80\x02}" + text("new_fc.weight") + value + b"s."


def laughs(levels, kind=b"t"):
    """A tuple of ten equal tuples, each of the same ten equal tuples, and so on."""
    made = text("ha")
    for level in range(levels):
        made += b"q" + bytes([level]) + b"0(" + (b"h" + bytes([level])) * 10 + kind
    return made


def archive(pickled, members=None, compression=zipfile.ZIP_STORED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/byteorder", "little")
        for name, content in (members or {"data/0": bytes(16)}).items():
            file.writestr(f"archive/{name}", content)
    return data.getvalue()


def stream(pickled, storages=((4, bytes(16)),)):
    parts = [pickle.dumps(value, 2) for value in (STREAM_MAGIC, STREAM_PROTOCOL)]
    parts.append(pickle.dumps({"little_endian": True, "protocol_version": STREAM_PROTOCOL}, 2))
    parts += [pickled, pickle.dumps([str(key) for key in range(len(storages))], 2)]
    for size, data in storages:
        parts += [struct.pack("<q", size), data]
    return b"".join(parts)


def checkpoint():
    """The pickle and the arrays of a small checkpoint as GSF's program writes it."""
    arrays = []
    state = {
        f"module.{name}": np.arange(np.prod(shape), dtype="float32").reshape(shape)
        for name, shape in {
            "base_model.conv1.weight": (16, 3, 7, 7),
            "base_model.layer1.0.conv3.weight": (64, 16, 1, 1),
            "base_model.layer1.0.gsf.conv3D.weight": (2, 8, 3, 3, 3),
            "base_model.layer1.0.gsf.bn.weight": (16,),
            "new_fc.weight": (3, 512),
            "new_fc.bias": (3,),
        }.items()
    }
    content = {"epoch": 3, "arch": "resnet14thin", "model_state_dict": state, "best_prec1": 1.5}
    return b"\x80\x02" + _encode(content, arrays) + b".", arrays


def whole(rng, pickled=None):
    """The small checkpoint in one of both formats, perhaps with another pickle."""
    own, arrays = checkpoint()
    data = [array.tobytes() for array in arrays]
    pickled = own if pickled is None else pickled
    if rng.integers(2):
        return archive(pickled, {f"data/{key}": content for key, content in enumerate(data)})
    sizes = [array.size for array in arrays]
    return stream(pickled, tuple(zip(sizes, data, strict=True)))


# ---- What a file may be made to do ---------------------------------------------------------------


def deep(rng):
    """A tuple in a tuple in a tuple, as a value, a key, an argument or a state."""
    levels = int(rng.choice([70, 2000, 60_000, 200_000]))
    open_, close = [(b"", b"\x85"), (b"]", b"a"), (b"}K\x01", b"s")][rng.integers(3)]
    nested = open_ * levels + (b"]" if open_ else b")") + close * levels
    return [
        program(nested),
        b"\x80\x02}" + nested + b"K\x01s.",
        b"\x80\x02" + nested + b"Q.",
        program(REBUILD + nested + b"R"),
        program(b"ccollections\nOrderedDict\n)R" + nested + b"b"),
        program(b"ctorch\ndevice\n" + nested + b"\x85R"),
        program(REBUILD + b"(" + storage() + nested * 3 + b"tR"),
    ][rng.integers(7)]


def unending(rng):
    """Few bytes that stand for 10^9 to 10^30 values."""
    many = laughs(int(rng.integers(9, 30)), [b"t", b"l"][rng.integers(2)])
    return [
        program(many),
        b"\x80\x02}" + many + b"K\x01s.",
        b"\x80\x02" + many + b"Q.",
        b"\x80\x02(" + text("storage") + many + text("0") + text("cpu") + number(4) + b"tQ.",
        b"\x80\x02(" + text("storage") + FLOATS + many + text("cpu") + number(4) + b"tQ.",
        program(REBUILD + b"(" + storage() + many * 3 + b"tR"),
        program(REBUILD + b"(" + many * 4 + b"tR"),
        program(b"ctorch\nSize\n" + many + b"\x85R"),
        program(b"ctorch\ndevice\n" + many + b"\x85R"),
        program(REBUILD + many + b"b"),
        b"\x80\x02" + many + b".",
    ][rng.integers(11)]


def inside_itself(rng):
    return [
        program(b"]q\x00h\x00a"),
        program(b"}q\x00K\x01h\x00s"),
        program(b"]q\x00(h\x00\x85h\x00\x85e"),
    ][rng.integers(3)]


def huge_tensor(rng):
    """More elements than the storage has, or numbers with which arithmetic overflows."""
    large = int(rng.choice([5, 10**9, 2**31, 2**62])) * int(rng.choice([1, 2**40]))
    return program(
        [
            tensor((large, 2048), (0, 0)),
            tensor((large,), (0,)),
            tensor((1,), (large,)),
            tensor((1, 4), (large, 1)),
            tensor((large, 0), (1, 1)),
            tensor((0, large, large), (large, 1, 1)),
            tensor((2,), (large,)),
            tensor((4,), (1,), offset=large),
            tensor((0,), (1,), offset=large),
            tensor((4,), (-1,)),
            tensor((-4,), (1,)),
            tensor((4,), (1,), offset=-large),
            tensor((4,), (1,), elements=large),
            tensor((2,) * 40, (0,) * 40),
            tensor((1,) * 33, (1,) * 33),
            tensor((4, 1), (1,)),
        ][rng.integers(16)]
    )


def strange_arguments(rng):
    """Arguments and references of other types, numbers and lengths."""
    values = [b"N", b"]", b"}", b")", text("x"), number(-1), b"G" + b"\x7f\xf8" + bytes(6), b"\x88"]
    values += [number(2**2000), FLOATS, storage(), REBUILD, text("\ud800"), text("\x1b[2J")]
    drawn = [values[rng.integers(len(values))] for _ in range(rng.integers(8))]
    joined = b"(" + b"".join(drawn) + b"t"
    return [
        program(REBUILD + joined + b"R"),
        program(b"ctorch._utils\n_rebuild_parameter\n" + joined + b"R"),
        program(b"ctorch\nSize\n" + joined + b"R"),
        program(b"ccollections\nOrderedDict\n" + joined + b"R"),
        program(joined + b"Q"),
        program(b"(" + text("storage") + b"".join(drawn) + b"tQ"),
        b"\x80\x02}(" + b"".join(drawn) + b"u.",
        program(b"".join(drawn) + b"R"),
        program(b"".join(drawn) + b"b"),
    ][rng.integers(9)]


def large_pickle(rng):
    """More operations, objects or bytes than a checkpoint has."""
    return [
        b"\x80\x02]" + b"]a" * 700_000 + b".",
        b"\x80\x02(" + b")" * 1_200_000 + b"t.",
        b"\x80\x02}r" + struct.pack("<I", 2**31 - 1) + b".",
        b"\x80\x02" + text("x" * 20_000_000) + b".",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.",
        b"\x80\x04\x96" + struct.pack("<Q", 2**40) + b"x.",
        b"I" + b"9" * 6000 + b"\n.",
        program(number(10**9000)),
        b"\x80\x02}("
        + b"".join(text(f"layer1.{n}.g.w.weight") + tensor((4,), (1,)) for n in range(5000))
        + b"u.",
    ][rng.integers(9)]


def strange_names(rng):
    """Names and entries that could upset what reads them, or a terminal."""
    names = ["layer999999999.0.bn1.weight", "\x1b]0;x\x07", "a" * 5000, "\ud800", "new_fc.weight"]
    names += ["layer1.0.as3.shift", "layer1.0.gsf.bn.weight", "layer1.0.conv3.weight", "", "\n"]
    drawn = rng.permutation(names)[: rng.integers(1, len(names))]
    state = b"}(" + b"".join(text(str(name)) + tensor((2, 2), (2, 1)) for name in drawn) + b"u"
    values = [number(10**9), number(-1), text("\x1b[2J" * 100), b"\x88", number(2**1000)]
    entries = b"".join(
        text(name) + values[rng.integers(len(values))]
        for name in ("num_segments", "num_frames", "tier", "variant", "num_classes", "epoch")
    )
    return b"\x80\x02}(" + text("state_dict") + state + entries + b"u."


def strange_archive(rng):
    """Archives whose members are compressed, overlap, lie elsewhere or have one name."""
    pickled = program(tensor((4,), (1,)))
    kind = rng.integers(6)
    if kind == 0:
        return archive(pickled, {"data/0": bytes(5_000_000)}, zipfile.ZIP_DEFLATED)
    data = archive(pickled, {f"data/{key}": bytes(16) for key in range(20)})
    directory = data.index(b"PK\x01\x02")
    entries = data[directory:].split(b"PK\x01\x02")[1:]
    changed = []
    for entry in entries:
        entry = bytearray(entry)
        if kind == 1:  # All at one place.
            entry[38:42] = struct.pack("<I", 0)
        elif kind == 2:  # Anywhere.
            entry[38:42] = struct.pack("<I", rng.integers(2**32))
        elif kind == 3:  # Encrypted, or of a version that does not exist.
            entry[2:6] = rng.bytes(4)
        elif kind == 4:  # Other sizes.
            entry[16:24] = struct.pack("<II", *[rng.integers(2**32)] * 2)
        changed.append(bytes(entry))
    if kind == 5:
        changed *= 500
    return data[:directory] + b"".join(b"PK\x01\x02" + entry for entry in changed)


def any_program(rng):
    """Operations drawn at random, with operands that can be read."""
    made = bytearray(b"\x80\x04")
    pieces = [text("x"), number(3), storage(), FLOATS, REBUILD, tensor((4,), (1,)), b"(", b"q\x00"]
    pieces += [operation.code.encode("latin-1") for operation in pickletools.opcodes]
    for _ in range(rng.integers(1, 60)):
        made += pieces[rng.integers(len(pieces))]
    return bytes(made) + b"."


def changed_program(rng):
    """The checkpoint's own pickle with bytes changed, and right checksums around it."""
    damage = (flip, cut, remove, insert, zero, repeat)[rng.integers(6)]
    return damage(checkpoint()[0], rng)


def changed_operations(rng):
    """The checkpoint's own pickle with some operations left out, repeated or exchanged."""
    pickled = checkpoint()[0]
    places = [place for *_, place in pickletools.genops(pickled)] + [len(pickled)]
    pieces = [pickled[a:b] for a, b in zip(places, places[1:], strict=False)]
    for _ in range(rng.integers(1, 4)):
        first, second = rng.integers(len(pieces), size=2)
        change = rng.integers(3)
        if change == 0:
            pieces[first] = b""
        elif change == 1:
            pieces[first] *= 2
        else:
            pieces[first], pieces[second] = pieces[second], pieces[first]
    return b"".join(pieces)


_OF_FILES = (flip, cut, remove, insert, zero, repeat)
_OF_PICKLES = (
    *(changed_program, changed_operations, any_program, deep, unending, inside_itself),
    *(huge_tensor, strange_arguments, large_pickle, strange_names),
)
KINDS = {
    **{f"file: {f.__name__}": (lambda rng, f=f: f(whole(rng), rng)) for f in _OF_FILES},
    **{f"pickle: {f.__name__}": (lambda rng, f=f: whole(rng, f(rng))) for f in _OF_PICKLES},
    "archive: strange": strange_archive,
}


def make_checkpoint(path, seed, kinds=tuple(KINDS)):
    """Writes the file of a case and returns its kind."""
    rng = np.random.default_rng(seed)
    kind = kinds[rng.integers(len(kinds))]
    path.write_bytes(KINDS[kind](rng))
    return kind
