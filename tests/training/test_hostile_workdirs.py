"""Workdirs and folders of checkpoints that are damaged, or hold what training has not put there."""

import json
import os

import ml_collections
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import DatasetInfo, LabelMap
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Predictor
from gsf_tf.models import from_preset
from gsf_tf.training.checkpoint_state import STATE_FILE, read_state, state_text
from gsf_tf.training.checkpoints import Checkpoints, complete_checkpoints
from gsf_tf.training.run_state import RunState
from gsf_tf.training.step_totals import StepTotals
from gsf_tf.workdir import Workdir
from tests.training.fuzz_workdirs import run_case

NAME = "epoch-0003-step-00000030"


def of_variable(directory, keep=2):
    variable = tf.Variable([0.0, 0.0])
    return variable, Checkpoints(directory, tf.train.Checkpoint(variable=variable), keep)


def save(checkpoints, epoch, step=0, best=None):
    sums = {"loss": 12.5, "top1": 3.0, "clips": 8.0} if step else {}
    return checkpoints.save(RunState(epoch, step, StepTotals(sums), best))


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints, whose variable is the epoch."""
    variable, checkpoints = of_variable(tmp_path / "checkpoints")
    best = {"epoch": 1, "top1": 0.5, "checkpoint": "epoch-0002-step-00000000"}
    for epoch, step in ((2, 0), (3, 30)):
        variable.assign([float(epoch)] * 2)
        save(checkpoints, epoch, step, best)
    return checkpoints.directory


def restored(folder):
    """Returns the value and the epoch that a new process finds, and what it says."""
    variable, checkpoints = of_variable(folder)
    said = []
    state = checkpoints.restore_latest(said.append)
    return variable.numpy()[0], state and state.epoch, " ".join(said)


# ---- state.json ----------------------------------------------------------------------------------


def test_every_bit_of_the_state_counts(folder):
    """20 of 200 changed bits went unseen: another epoch, step or sum."""
    file = folder / NAME / STATE_FILE
    data, right = file.read_bytes(), read_state(folder / NAME, NAME)
    unseen, places = 0, range(0, 8 * len(data), 7)
    for place in places:
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        file.write_bytes(changed)
        try:
            # A space may have become a tab, or an `e` of a number an `E`.
            assert read_state(folder / NAME, NAME) == right
            unseen += 1
        except ValueError:
            pass
    assert unseen < len(places) / 8


def test_a_state_of_the_first_version_is_read(folder):
    """It had no checksum of its own."""
    file = folder / NAME / STATE_FILE
    state = json.loads(file.read_text())
    assert len(state.pop("sha256")) == 64
    file.write_text(json.dumps(state, indent=2) + "\n")
    assert restored(folder) == (3.0, 3, "")
    # All other rules hold for it.
    file.write_text(json.dumps({**state, "epoch": 4}))
    assert restored(folder)[:2] == (2.0, 2)


STRANGE_STATES = {
    "no object": "[]",
    "nested": "[" * 100_000,
    "a long number": '{"epoch": ' + "9" * 5000 + "}",
    "not UTF-8": b"\xff\xfe{}",
    "empty": "",
    "nothing in it": "{}",
}
STRANGE_VALUES = [
    {"epoch": 0},
    {"epoch": True},
    {"epoch": "3"},
    {"step": -1},
    {"step": 31},
    {"sums": {"loss": float("nan"), "clips": 8.0}},
    {"sums": {"loss": 10**400, "clips": 8.0}},
    {"sums": {"loss": 1.0}},
    {"sums": {"loss": 1.0, "clips": 0}},
    {"sums": None},
    {"best": {"epoch": 1, "top1": 0.5, "checkpoint": "../../other"}},
    {"best": "epoch"},
    {"files": {}},
    {"files": {"../state.json": {"bytes": 1, "sha256": "0" * 64}}},
    {"files": {"weights.index": {"bytes": 1}}},
    {"more": 1},
]


@pytest.mark.parametrize("text", STRANGE_STATES.values(), ids=STRANGE_STATES)
def test_states_that_are_none(folder, text):
    (folder / NAME / STATE_FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    value, epoch, said = restored(folder)
    assert (value, epoch) == (2.0, 2) and NAME in said and len(said) < 1000


@pytest.mark.parametrize("values", STRANGE_VALUES, ids=str)
def test_values_that_training_does_not_write(folder, values):
    """In a file of the first version, whose checksum does not show it."""
    file = folder / NAME / STATE_FILE
    state = {**json.loads(file.read_text()), **values}
    del state["sha256"]
    file.write_text(json.dumps(state))
    value, epoch, said = restored(folder)
    assert (value, epoch) == (2.0, 2) and NAME in said


RECORD = {"file": "train.tfrecord", "index": 2, "offset": 70, "reason": "torn", "clips": 1}


@pytest.mark.parametrize(
    "left_out",
    [
        None,
        {"batches": 1},
        {"batches": -1, "records": []},
        {"batches": 0, "records": {"file": 1}},
        {"batches": 0, "records": ["file"]},
        {"batches": 0, "records": [{**RECORD, "file": 1}]},
        {"batches": 0, "records": [{**RECORD, "clips": "1"}]},
        {"batches": 0, "records": [{**RECORD, "more": 1}]},
    ],
    ids=str,
)
def test_damage_that_training_does_not_write(folder, left_out):
    file = folder / NAME / STATE_FILE
    state = read_state(folder / NAME, NAME)
    files = state.pop("files")
    right = {"batches": 3, "records": [RECORD]}
    file.write_text(state_text({**state, "left_out": right}, files))
    assert read_state(folder / NAME, NAME)["left_out"] == right
    assert restored(folder) == (3.0, 3, "")
    file.write_text(state_text({**state, "left_out": left_out}, files))
    value, epoch, said = restored(folder)
    assert (value, epoch) == (2.0, 2) and "left_out" in said


# ---- What else may be in the folder --------------------------------------------------------------


def test_what_is_in_the_place_of_files(folder, tmp_path):
    """Named pipes were waited for, links and folders were tracebacks."""
    for number, (file, put) in enumerate(
        (
            (STATE_FILE, os.mkfifo),
            (STATE_FILE, os.mkdir),
            ("weights.index", os.mkfifo),
            ("weights.index", os.mkdir),
            ("weights.data-00000-of-00001", lambda path: os.symlink("/dev/zero", path)),
            ("weights.index", lambda path: os.symlink("nowhere", path)),
        )
    ):
        variable, checkpoints = of_variable(tmp_path / str(number))
        for epoch in (1, 2):
            variable.assign([float(epoch)] * 2)
            save(checkpoints, epoch)
        path = checkpoints.directory / "epoch-0002-step-00000000" / file
        path.unlink()
        put(path)
        value, epoch, said = restored(checkpoints.directory)
        assert (value, epoch) == (1.0, 1) and "epoch-0002" in said, file
        assert (checkpoints.directory / "damaged-epoch-0002-step-00000000").is_dir()


def test_other_names_stay(folder):
    for name in ("epoch-x-step-y", "epoch-00004-step-00000000", "epoch-0004-step-0000000a"):
        (folder / name).mkdir()
    (folder / f"{NAME} (copy)").mkdir()
    (folder / f"{NAME}.txt").write_text("notes")
    others = set(os.listdir(folder)) - set(of_variable(folder)[1].names())
    assert restored(folder) == (3.0, 3, "") and len(others) == 5
    save(of_variable(folder)[1], 4)
    assert others < set(os.listdir(folder))


def test_files_and_links_with_the_name_of_a_checkpoint(folder):
    (folder / "epoch-0004-step-00000000").write_text("a file")
    (folder / "epoch-0005-step-00000000").symlink_to("nowhere")
    os.mkfifo(folder / "epoch-0006-step-00000000")
    value, epoch, said = restored(folder)
    assert (value, epoch) == (3.0, 3)
    assert all(f"epoch-000{number}" in said for number in (4, 5, 6))
    for epoch in (4, 5, 6):
        assert save(of_variable(folder)[1], epoch) in os.listdir(folder)


def test_a_second_damaged_checkpoint_of_one_name(folder):
    for number in ("", "-2", "-3"):
        variable, checkpoints = of_variable(folder)
        save(checkpoints, 3, 30)
        (folder / NAME / "weights.index").write_bytes(b"")
        assert restored(folder)[1] == 2
        assert (folder / f"damaged-{NAME}{number}").is_dir()


def test_pruning_does_not_follow_links(folder, tmp_path):
    """It deleted the `state.json` of another run's checkpoint, to which a link led."""
    _, others = of_variable(tmp_path / "other")
    other = others.directory / save(others, 1)
    (folder / "epoch-0001-step-00000000").symlink_to(other)
    (folder / "epoch-0001-step-00000001.partial").symlink_to(other)
    (folder / "epoch-0001-step-00000002").symlink_to(tmp_path / "other")
    before = {path: path.read_bytes() for path in other.iterdir()}
    _, checkpoints = of_variable(folder)
    checkpoints.restore_latest(lambda line: None)
    for epoch in (4, 5, 6):
        save(checkpoints, epoch)
    assert {path: path.read_bytes() for path in other.iterdir()} == before and len(before) == 3
    # The place of a checkpoint's own temporary folder is made free, without following it.
    (folder / "epoch-0007-step-00000000.partial").symlink_to(other)
    assert save(checkpoints, 7) in checkpoints.names()
    assert {path: path.read_bytes() for path in other.iterdir()} == before


def test_a_linked_checkpoint_is_read(folder, tmp_path):
    (folder / NAME).rename(tmp_path / "elsewhere")
    (folder / NAME).symlink_to(tmp_path / "elsewhere")
    assert restored(folder) == (3.0, 3, "")


def test_epoch_10000_comes_after_9999(tmp_path):
    variable, checkpoints = of_variable(tmp_path)
    for epoch in (9998, 9999, 10000, 10001):
        variable.assign([float(epoch)] * 2)
        save(checkpoints, epoch)
    names = ["epoch-10000-step-00000000", "epoch-10001-step-00000000"]
    assert [path.name for path in complete_checkpoints(tmp_path)] == names
    assert restored(tmp_path) == (10001.0, 10001, "")


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "pipe", "link"):
        _, checkpoints = of_variable(tmp_path / name)
        assert checkpoints.restore_latest(pytest.fail) is None
        with pytest.raises(UserError, match="must be written whole"):
            save(checkpoints, 1)


def test_fuzzed_workdirs(tmp_path):
    """More in `python -m tests.training.fuzz_workdirs`."""
    outcomes = set()
    for seed in range(50000, 50060):
        (tmp_path / str(seed)).mkdir()
        outcomes.add(run_case(tmp_path / str(seed), seed)[1])
    assert outcomes == {"valid", "reported"}


# ---- The files of a run --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A workdir with a small model."""
    workdir = Workdir(tmp_path_factory.mktemp("runs") / "run")
    labels = ("down", "up")
    info = DatasetInfo(
        labels=list(labels),
        label_fingerprint=LabelMap(labels).fingerprint,
        settings={"short_side": 84},
        source_fingerprint="",
        splits={},
    )
    data = {"sampling": "segments", "frame_stride": None}
    workdir.start(ml_collections.ConfigDict({"data": data}), info)
    workdir.append_metrics({"epoch": 1})
    workdir.save_model(from_preset("tsn_resnet14thin", 2, 2, (32, 32, 3)))
    return workdir


@pytest.fixture
def kept(run):
    """The workdir, whose files come back after the test."""
    files = (run.config_file, run.run_file, run.model_file, run.labels_file, run.metrics_file)
    before = {file: file.read_bytes() for file in files}
    yield run
    for file, data in before.items():
        clear(file)
        file.write_bytes(data)


def clear(path):
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


READERS = {
    "config.json": [Workdir.read_config, Workdir.read_run, Workdir.load_model, Predictor],
    "run.json": [Workdir.read_run, Predictor],
    "labels.txt": [Workdir.read_labels, Workdir.load_model],
    "metrics.jsonl": [Workdir.read_metrics],
    "model.keras": [Workdir.load_model, Predictor],
}
PUTS = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "device": lambda path: os.symlink("/dev/zero", path),
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "nested": lambda path: path.write_text("[" * 100_000),
    "long number": lambda path: path.write_text('{"epoch": ' + "9" * 5000 + "}"),
    "a list": lambda path: path.write_text('["a", " b"]\n \n'),
    "null": lambda path: path.write_text("null \n\nnull"),
}


@pytest.mark.parametrize("put", PUTS.values(), ids=PUTS)
@pytest.mark.parametrize("name", READERS)
def test_what_is_in_the_place_of_a_file_of_a_run(kept, name, put):
    path = kept.path / name
    clear(path)
    put(path)
    if name == "labels.txt" and path.is_file() and path.read_bytes()[:1] in b"[{":
        path.write_text("twice\ntwice\n")  # These texts are names of classes.
    for read in READERS[name]:
        with pytest.raises(UserError, match=name.replace(".", r"\.")) as caught:
            read(kept.path if read is Predictor else kept)
        assert len(str(caught.value)) < 1200


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("run.json", {"records": None}),
        ("run.json", {"records": {"short_side": "84"}}),
        ("run.json", {"records": {"short_side": -1}}),
        ("config.json", {"data": None}),
        ("config.json", {"data": {"sampling": 3, "frame_stride": None}}),
        ("config.json", {"data": {"sampling": "segments", "frame_stride": "x"}}),
    ],
)
def test_values_of_a_run_that_are_missing_or_wrong(kept, name, values):
    path = kept.path / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(UserError, match=rf"{name}.*(records|data)\.\w+ must be"):
        Predictor(kept.path)


def test_models_that_are_cut_or_changed(kept):
    data, rng = kept.model_file.read_bytes(), np.random.default_rng(0)
    cuts = [data[:end] for end in (0, 1, 30, 1000, len(data) // 2, len(data) - 10)]
    for changed in [*cuts, *(flipped(data, rng) for _ in range(6))]:
        kept.model_file.write_bytes(changed)
        try:
            kept.load_model()
        except UserError as error:
            assert "model.keras" in str(error) and len(str(error)) < 1200


def flipped(data, rng):
    """Bytes at the beginning and the end are those of the archive and the configuration."""
    changed = bytearray(data)
    for place in (*rng.integers(3000, size=4), *-rng.integers(1, 300, size=2)):
        changed[place] ^= rng.integers(1, 256)
    return bytes(changed)
