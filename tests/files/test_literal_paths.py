import os

import pytest
import tensorflow as tf

from gsf_tf.data import (
    ClipListing,
    DatasetInfo,
    LabelMap,
    RecordSettings,
    find_complete_records,
    video_dataset_from_records,
)
from gsf_tf.errors import DataError, UserError
from gsf_tf.evaluation import Predictor
from gsf_tf.files.literal_paths import escape, plain_path, with_literal_folders
from gsf_tf.workdir import Workdir

ODD = ("a[1]", "b*", "c?", "d\\e", "f[!x]-]", "{g,h}", "[", "i]", "#%20:$$", "-j", "k\nl", "\u65e5")


@pytest.mark.parametrize("name", ODD)
def test_an_escaped_path_matches_itself_only(name, tmp_path):
    for folder in (name, "a1", "b1", "cx", "de", "fy"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    matched = tf.io.gfile.glob(f"{escape(str(tmp_path / name))}/file")
    assert matched == [str(tmp_path / name / "file")]


def test_names_that_exist_are_no_patterns(tmp_path):
    for folder in ("run [1]/a", "run 1/a", "run [1]/b*", "run [1]/bc"):
        (tmp_path / folder).mkdir(parents=True)
        for number in (1, 2):
            (tmp_path / folder / f"{number}.x").touch()

    def find(pattern):
        pattern = with_literal_folders(f"{tmp_path}/{pattern}", tf.io.gfile.exists)
        found = tf.io.gfile.glob(pattern)
        return sorted(path.removeprefix(f"{tmp_path}/") for path in found)

    assert find("run [1]/a/*.x") == ["run [1]/a/1.x", "run [1]/a/2.x"]
    assert find("run [1]/b*/1.x") == ["run [1]/b*/1.x"]
    assert find("run [1]/?/2.x") == ["run [1]/a/2.x"]
    assert find("run ?/a/2.x") == ["run 1/a/2.x"]
    assert find("run*/a/1.x") == ["run 1/a/1.x", "run [1]/a/1.x"]


@pytest.mark.parametrize("name", ODD)
def test_a_checkpoint_is_read_in_a_folder_of_any_name(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    variable = tf.Variable(3.0)
    tf.train.Checkpoint(variable=variable).write(str(folder / "weights"))
    variable.assign(0.0)
    with plain_path(folder) as plain:
        tf.train.Checkpoint(variable=variable).read(str(plain / "weights")).assert_consumed()
    assert variable.numpy() == 3
    assert plain == folder or not plain.parent.exists()


BAD = "records \udcff"  # As Python reads a name that is not UTF-8.


@pytest.mark.parametrize(
    "use",
    [
        Workdir,
        Predictor,
        LabelMap.load,
        DatasetInfo.load,
        lambda path: video_dataset_from_records(f"{path}/*"),
    ],
)
def test_paths_that_are_not_utf8_are_one_clear_error(use, tmp_path):
    with pytest.raises(UserError, match=r"must be a path of UTF-8 text.*Received: b'.*\\xff"):
        use(str(tmp_path / BAD))


def test_a_cache_that_is_not_utf8(tmp_path):
    file = tmp_path / "a.tfrecord"
    file.touch()
    with pytest.raises(DataError, match="`cache` must be a path of UTF-8 text"):
        video_dataset_from_records(str(file), cache=str(tmp_path / BAD))


def test_a_name_that_is_not_utf8_beside_the_records(tmp_path):
    os.close(os.open(os.fsencode(tmp_path) + b"/note\xe9", os.O_CREAT))
    listing = ClipListing((), LabelMap(["a", "b"]))
    with pytest.raises(DataError, match=r"holds other files \(note.\)"):
        find_complete_records(listing, str(tmp_path), RecordSettings())
    with pytest.raises(DataError, match="which matches none; the folder .* holds note"):
        video_dataset_from_records(f"{tmp_path}/train-*")
