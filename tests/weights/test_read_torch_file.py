"""Files of `torch.save` in both formats: what is read, and what is refused without running it."""

import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import gsf_tf
from gsf_tf.weights import CheckpointError, read_torch_file

torch = pytest.importorskip("torch", reason="the files are written by PyTorch")

FORMATS = pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "stream"])


def save(content, path, zip_format):
    torch.save(content, path, _use_new_zipfile_serialization=zip_format)
    return path


def all_weights(model):
    return [np.array(weight) for weight in model.weights]


@pytest.fixture(scope="module")
def model():
    return gsf_tf.models.from_preset("tsn_resnet14thin", 3, 2, (32, 32, 3))


@FORMATS
def test_tensors_of_every_kind(tmp_path, zip_format):
    shared = torch.arange(100.0)
    tensors = OrderedDict(
        plain=torch.randn(2, 3),
        view=shared[10:20],
        transposed=shared.view(10, 10).t()[2:5, 1::3],
        half=torch.randn(4).half(),
        bfloat16=torch.randn(4).bfloat16(),
        double=torch.randn(4).double(),
        counter=torch.tensor(7),
        parameter=torch.nn.Parameter(torch.randn(3)),
        empty=torch.zeros(0, 3),
        channels_last=torch.randn(2, 3, 1, 4).to(memory_format=torch.channels_last),
        one_row=torch.randn(5, 4)[1:2],
        end=shared[100:],
        flags=torch.tensor([True, False]),
    )
    tensors._metadata = OrderedDict(version=1)
    content = {
        "epoch": 3,
        "arch": "resnet50",
        "state_dict": tensors,
        "scaler_state_dict": torch.amp.GradScaler("cpu", enabled=False).state_dict()
        | {"scale": 65536.0, "_growth_tracker": 3},
        "best": torch.tensor(4.5),
        "none": None,
        "large": 2**70,
        "size": torch.Size([1, 2]),
        "device": torch.device("cuda:0"),
    }
    read = read_torch_file(save(content, tmp_path / "a.pth.tar", zip_format))
    assert list(read["state_dict"]) == list(tensors)
    for name, tensor in tensors.items():
        expected = tensor.detach().float() if name == "bfloat16" else tensor.detach()
        assert read["state_dict"][name].shape == tuple(tensor.shape)
        np.testing.assert_array_equal(read["state_dict"][name].numpy(), expected.numpy())
    assert read["best"].numpy() == 4.5 and read["best"].shape == ()
    assert (read["epoch"], read["arch"], read["none"]) == (3, "resnet50", None)
    assert (read["large"], read["size"], read["device"]) == (2**70, (1, 2), "cuda:0")
    assert read["scaler_state_dict"] == content["scaler_state_dict"]


@FORMATS
def test_tensors_of_a_graphics_card(tmp_path, zip_format):
    """The tag is text beside the storage: a file that was saved there differs in it alone."""
    path = save({"w": torch.arange(3.0)}, tmp_path / "a.pt", zip_format)
    tagged = tmp_path / "b.pt"
    cpu, cuda = (b"X" + len(tag).to_bytes(4, "little") + tag for tag in (b"cpu", b"cuda:0"))
    if zip_format:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(tagged, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name).replace(cpu, cuda))
    else:
        tagged.write_bytes(path.read_bytes().replace(cpu, cuda))
    assert cuda in tagged.read_bytes()
    np.testing.assert_array_equal(read_torch_file(tagged)["w"].numpy(), [0, 1, 2])


class Command:
    """Unpickled in earnest, it writes a file."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch '{self.canary}'",)


class Evaluation(Command):
    def __reduce__(self):
        return eval, (f"open({str(self.canary)!r}, 'w').close()",)


class InsideTensor(Command):
    def __reduce__(self):
        arguments = (Command(self.canary), 0, (1,), (1,), False, OrderedDict())
        return torch._utils._rebuild_tensor_v2, arguments


class AsState(Command):
    """A harmless object whose state is not."""

    def __reduce__(self):
        return OrderedDict, (), {"x": Command(self.canary)}


class Attribute(Command):
    """A function that is reached through one that is allowed."""

    def __reduce__(self):
        return getattr, (OrderedDict, "fromkeys")


@FORMATS
@pytest.mark.parametrize("kind", [Command, Evaluation, InsideTensor, AsState, Attribute])
def test_code_is_refused_and_not_run(tmp_path, model, zip_format, kind):
    canary = tmp_path / "canary"
    state = {"conv1.weight": torch.zeros(3), "fc.weight": kind(canary)}
    path = save({"state_dict": state}, tmp_path / "a.pth.tar", zip_format)
    before = all_weights(model)
    for read in (
        read_torch_file,
        gsf_tf.weights.infer_preset,
        lambda path: gsf_tf.weights.load_torch_checkpoint(model, path),
        lambda path: gsf_tf.weights.load_torch_backbone(model.backbone, path),
    ):
        with pytest.raises(CheckpointError, match=r"wants \w+\.\w+: refused, nothing was run"):
            read(path)
    assert not canary.exists()
    for old, new in zip(before, all_weights(model), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_code_above_would_run(tmp_path):
    for kind in (Command, Evaluation):
        canary = tmp_path / kind.__name__
        pickle.loads(pickle.dumps(kind(canary)))
        assert canary.exists()


def test_code_in_the_header_of_a_stream(tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "a.pt"
    path.write_bytes(pickle.dumps(Command(canary), protocol=2) * 4)
    with pytest.raises(CheckpointError, match="posix.system|nt.system"):
        read_torch_file(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.",  # state for a function
        b"\x80\x02ctorch\nFloatStorage\n}X\x04\x00\x00\x00nameX\x01\x00\x00\x00xsb.",
        b"\x80\x02ccollections\nOrderedDict\n)\x81.",  # an instance without a call
        b"\x80\x04X\x0b\x00\x00\x00collectionsX\x15\x00\x00\x00OrderedDict.__class__\x93.",
        b"\x80\x02(icollections\nOrderedDict.fromkeys\n.",
        b"\x80\x02}r\xff\xff\xff\x7f.",  # asks for gigabytes
        b"\x80\x04\x96\xff\xff\xff\xff\x00\x00\x00\x00.",
        b"\x80\x02X\x01\x00\x00\x00xQ.",  # a reference to no storage
        b"",
    ],
)
def test_pickles_that_are_no_checkpoint(tmp_path, program):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
    with pytest.raises(CheckpointError):
        read_torch_file(path)


@FORMATS
def test_cut_off_files(tmp_path, model, zip_format):
    state = {name: torch.randn(50) for name in ("a.weight", "b.weight")}
    path = save({"state_dict": state}, tmp_path / "a.pth.tar", zip_format)
    data = path.read_bytes()
    before = all_weights(model)
    for end in (0, 1, 3, 20, 200, len(data) // 2, len(data) - 200, len(data) - 1):
        path.write_bytes(data[:end])
        with pytest.raises(CheckpointError):
            read_torch_file(path)
        with pytest.raises(CheckpointError):
            gsf_tf.weights.load_torch_checkpoint(model, path)
    for old, new in zip(before, all_weights(model), strict=True):
        np.testing.assert_array_equal(old, new)


@FORMATS
def test_damaged_bytes_are_an_error_or_harmless(tmp_path, zip_format):
    """Nothing but a CheckpointError leaves the reader, whatever byte is wrong."""
    content = {"state_dict": {"w": torch.randn(5), "h": torch.randn(3).half()}}
    path = save(content, tmp_path / "a.pth.tar", zip_format)
    data, generator = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(data)
        damaged[generator.integers(len(data))] ^= generator.integers(1, 256)
        path.write_bytes(damaged)
        try:
            for value in read_torch_file(path).values():
                for tensor in value.values() if isinstance(value, dict) else ():
                    tensor.numpy()
        except CheckpointError:
            refused += 1
    assert refused > 30


def test_archives_that_do_not_add_up(tmp_path):
    path = save({"w": torch.arange(8.0)}, tmp_path / "a.pt", True)
    with zipfile.ZipFile(path) as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    other = tmp_path / "b.pt"

    def write(changes, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(other, "w", compression) as archive:
            for name, data in {**members, **changes}.items():
                if data is not None:
                    archive.writestr(f"a/{name}", data)
        return other

    np.testing.assert_array_equal(read_torch_file(write({}))["w"].numpy(), np.arange(8))
    outside = members["data.pkl"].replace(b"K\x08\x85", b"K\x09\x85")
    for changes, message in (
        ({"data/0": members["data/0"][:-4]}, "28 bytes instead of 32"),
        ({"data/0": members["data/0"] * 2}, "64 bytes instead of 32"),
        ({"data/0": None}, "data/0 is missing"),
        ({"data.pkl": None}, "one data.pkl"),
        ({"byteorder": b"big"}, "little-endian"),
        ({"data.pkl": outside}, "inside its storage"),
    ):
        with pytest.raises(CheckpointError, match=message):
            read_torch_file(write(changes))
    bomb = write({"data/0": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 50_000
    with pytest.raises(CheckpointError, match="not compressed"):
        read_torch_file(bomb)


def test_other_files(tmp_path):
    for name, data in (("text", b"hello"), ("pickle", pickle.dumps({"w": 1}))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CheckpointError, match="torch.save"):
            read_torch_file(tmp_path / name)
    with pytest.raises(CheckpointError, match="nowhere"):
        read_torch_file(tmp_path / "nowhere")
