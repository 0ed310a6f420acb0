"""Checkpoints that are made to crash, to hang or to fill the memory: one error each, in no time."""

import os
import resource
import struct
import time
import zipfile

import numpy as np
import pytest

from gsf_tf.weights import CheckpointError, TorchCheckpoint, infer_preset, read_torch_file
from gsf_tf.weights.write_torch_file import write_torch_file
from tests.weights import hostile_checkpoints as hostile
from tests.weights.fuzz_checkpoints import run_case

CASES = 100


def read(tmp_path, pickled, members=None):
    path = tmp_path / "a.pth.tar"
    path.write_bytes(hostile.archive(pickled, members))
    return read_torch_file(path)


def refused(tmp_path, pickled, message):
    start = time.monotonic()
    with pytest.raises(CheckpointError, match=message) as caught:
        read(tmp_path, pickled)
    assert time.monotonic() - start < 5
    assert len(str(caught.value)) < 1000
    assert "(((" not in str(caught.value) and "ha" * 20 not in str(caught.value)


def test_fuzzed_checkpoints(tmp_path):
    """More in `python -m tests.weights.fuzz_checkpoints`."""
    outcomes = [run_case(tmp_path / f"{seed}.pth", seed) for seed in range(50000, 50000 + CASES)]
    kinds = {kind for kind, _ in outcomes}
    assert len(kinds) > len(hostile.KINDS) // 2
    assert {outcome for _, outcome in outcomes} == {"valid", "reported"}


@pytest.mark.parametrize("levels", [70, 100_000])
def test_deep_nesting(tmp_path, levels):
    """A tuple as a key was hashed through all levels: a segmentation fault from 200 kB."""
    nested = b")" + b"\x85" * levels
    refused(tmp_path, b"\x80\x02}" + nested + b"K\x01s.", "must be text or numbers.*a tuple")
    refused(tmp_path, hostile.program(nested), "at most 64 levels")
    refused(tmp_path, b"\x80\x02" + nested + b"Q.", "nothing but storages.*a tuple")


def test_values_that_never_end(tmp_path):
    """30 levels of ten equal tuples: nothing compares, hashes or prints them."""
    many = hostile.laughs(30)
    reference = b"(" + hostile.text("storage")
    rest = hostile.text("cpu") + hostile.number(4) + b"tQ."
    floats = hostile.FLOATS
    for pickled, message in (
        (hostile.program(many), "values in them"),
        (b"\x80\x02}" + many + b"K\x01s.", "must be text or numbers"),
        (b"\x80\x02" + many + b"Q.", "nothing but storages"),
        (b"\x80\x02" + reference + floats + many + rest, "a text as its name"),
        (b"\x80\x02" + reference + many + hostile.text("0") + rest, "nothing but storages"),
        (hostile.program(hostile.REBUILD + b"(" + many * 4 + b"tR"), "must lie in a storage"),
        (
            hostile.program(hostile.REBUILD + b"(" + hostile.storage() + many * 3 + b"tR"),
            "integers in 0",
        ),
        (hostile.program(b"ctorch\ndevice\n" + many + b"\x85R"), "must be text or numbers"),
        (hostile.program(b"]q\x00h\x00a"), "is inside of itself"),
    ):
        refused(tmp_path, pickled, message)


@pytest.mark.parametrize(
    ("shape", "strides", "message"),
    [
        ((10**9, 2048), (0, 0), "more elements than its storage"),
        ((3, 4), (0, 0), r"more elements than its storage.*clone\(\)"),
        ((5,), (0,), "more elements than its storage"),
        ((1,), (2**62,), "integers in 0"),
        ((2,), (2**40,), "inside its storage"),
        ((4,), (-1,), "integers in 0"),
        ((-4,), (1,), "integers in 0"),
        ((0, 2**40, 2**40), (1, 1, 1), "inside its storage"),
        ((1,) * 33, (1,) * 33, "at most 32 axes"),
    ],
)
def test_what_a_tensor_announces(tmp_path, shape, strides, message):
    refused(tmp_path, hostile.program(hostile.tensor(shape, strides)), message)


def test_any_stride_beside_one_element(tmp_path):
    """PyTorch does not care for the stride of such an axis, and NumPy multiplied it."""
    data = {"data/0": np.arange(4.0, dtype="float32").tobytes()}
    for shape, strides in (((1, 4), (2**47, 1)), ((4, 1), (1, 2**48)), ((0, 3), (2**47, 1))):
        pickled = hostile.program(hostile.tensor(shape, strides))
        (tensor,) = read(tmp_path, pickled, data).values()
        expected = np.arange(4.0)[: np.prod(shape)].reshape(shape)
        np.testing.assert_array_equal(tensor.numpy(), expected)


def test_parts_of_one_storage_share_its_memory(tmp_path):
    """Files from before PyTorch 0.4 name parts of storages: 200 of 4 MB are 4 MB, not 800."""
    size = 2**20
    whole = b"(" + hostile.text("storage") + hostile.FLOATS + hostile.text("0")
    whole += hostile.text("cpu") + hostile.number(size)
    state = b"}("
    for number in range(200):
        part = b"(" + hostile.text(str(number)) + hostile.number(0) + hostile.number(size) + b"t"
        sizes = hostile.number(0) + hostile.numbers((size,)) + hostile.numbers((1,))
        state += hostile.text(f"w{number}") + hostile.REBUILD + b"(" + whole + part + b"tQ"
        state += sizes + b"\x89}tR"
    values = np.arange(size, dtype="float32")
    tensors = read(tmp_path, b"\x80\x02" + state + b"u.", {"data/0": values.tobytes()})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    arrays = [tensor.numpy() for tensor in tensors.values()]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert len(arrays) == 200
    for array in arrays[::50]:
        np.testing.assert_array_equal(array, values)


def test_members_of_an_archive_have_their_own_place(tmp_path):
    path = tmp_path / "a.pth"
    members = {f"data/{key}": bytes(16) for key in range(20)}
    data = hostile.archive(hostile.program(hostile.tensor((4,), (1,))), members)
    path.write_bytes(data)
    assert list(read_torch_file(path)) == ["new_fc.weight"]
    directory = data.index(b"PK\x01\x02")
    entries = data[directory:].split(b"PK\x01\x02")[1:]
    elsewhere = [entry[:38] + struct.pack("<I", 2**31) + entry[42:] for entry in entries]
    at_one_place = entries[:-1] * 10 + entries[-1:]
    for changed in (elsewhere, at_one_place):
        path.write_bytes(data[:directory] + b"".join(b"PK\x01\x02" + entry for entry in changed))
        with pytest.raises(CheckpointError, match="damaged"):
            read_torch_file(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + b"N0" * 2**23 + b"}.")
    with pytest.raises(CheckpointError, match="data.pkl must have at most"):
        read_torch_file(path)


def test_only_files_are_opened(tmp_path):
    """A named pipe without a writer was waited for."""
    os.mkfifo(tmp_path / "pipe.pth")
    for path, message in (
        (tmp_path / "pipe.pth", "named pipe"),
        (tmp_path, "a folder"),
        ("/dev/zero", "a device"),
    ):
        with pytest.raises(CheckpointError, match=f"must be a file.*{message}"):
            read_torch_file(path)


def saved(tmp_path, tensors, **entries):
    path = tmp_path / "a.pth.tar"
    arrays = {name: np.zeros(shape, "float32") for name, shape in tensors.items()}
    write_torch_file({"state_dict": arrays, **entries}, path)
    return path


def test_a_file_does_not_decide_the_size_of_the_model(tmp_path):
    """50,000 classes in 200 kB would make a model of gigabytes; so would the number of frames."""
    resnet = {"conv1.weight": (16, 3, 7, 7), "new_fc.weight": (50_000, 1)}
    resnet |= {f"layer{stage}.0.conv{i}.weight": (1,) for stage in (1, 2, 3, 4) for i in (2, 3)}
    path = saved(tmp_path, resnet, num_segments=10**9)
    found = infer_preset(path)
    assert found.preset == "tsn_resnet14thin" and found.num_segments is None
    with pytest.raises(CheckpointError, match="1 columns, where tsn_resnet14thin has 512"):
        found.complete(num_segments=8)
    assert infer_preset(saved(tmp_path, {"new_fc.weight": (10**9, 0)})).num_classes is None
    stages = {"layer1.0.as3.shift": (2, 4), "layer2000000000.0.bn1.weight": (4,)}
    assert infer_preset(saved(tmp_path, stages)).preset is None
    assert infer_preset(tmp_path / "a.pth.tar").num_segments is None


def test_names_that_cannot_be_printed(tmp_path):
    for name in ("\x1b]0;title\x07", "a\nb", "a" * 300):
        with pytest.raises(CheckpointError, match="name of a tensor") as caught:
            TorchCheckpoint.read(saved(tmp_path, {name: (1,)}))
        assert "\x1b" not in str(caught.value)
    many = {f"layer1.{number}.g.w.weight": (1,) for number in range(5000)}
    with pytest.raises(CheckpointError, match="at most 4096 tensors"):
        TorchCheckpoint.read(saved(tmp_path, many))
