import json
import shutil

import pytest
from PIL import Image

from gsf_tf.data import RecordSettings, list_video_folder, write_records
from tests.data.video_maker import make_video
from tests.trainers.conftest import run


@pytest.fixture
def leaking(tmp_path):
    videos = tmp_path / "videos"
    make_video(videos / "train/a/[one].mp4", 3)
    make_video(videos / "train/b/two.mp4", 4)
    make_video(videos / "train/b/three.mp4", 5)
    (videos / "val/a").mkdir(parents=True)
    shutil.copy(videos / "train/a/[one].mp4", videos / "val/a/other name.mp4")
    settings = RecordSettings(clips_per_shard=1)
    write_records(list_video_folder(videos), str(tmp_path / "records"), settings)
    return tmp_path / "records"


def test_report_and_picture(leaking, tmp_path):
    (shard,) = (path for path in leaking.glob("*.tfrecord") if b"three.mp4" in path.read_bytes())
    data = bytearray(shard.read_bytes())
    data[200] ^= 1
    shard.write_bytes(data)
    sheet, report = tmp_path / "sheet.png", tmp_path / "report.json"
    result = run("inspect_records", leaking, f"--sheet={sheet}", f"--json={report}", check=False)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "train train/a/[one].mp4   =   val val/a/other name.mp4" in result.stdout
    assert "in one split more than once: none" in result.stdout
    assert "64x96 (3)" in result.stdout
    assert "Damage in train, clips lost to it: 1" in result.stdout
    record = f"  record 0 of `{shard}`, at byte 0: its content does not match its checksum"
    assert record in result.stdout
    values = json.loads(report.read_text())
    assert values["clips"] == {"train": 2, "val": 1}
    assert values["missing"] == {"train": 1, "val": 0}
    assert values["label_counts"] == {"train": {"a": 1, "b": 1}, "val": {"a": 1, "b": 0}}
    assert Image.open(sheet).size[1] > 3 * 96


def test_the_picture_does_not_decide_the_report(leaking, tmp_path):
    report = tmp_path / "report.json"
    for sheet in (tmp_path / "sheet.xyz", tmp_path):  # No extension of a picture; a folder.
        result = run(
            "inspect_records", leaking, f"--sheet={sheet}", f"--json={report}", check=False
        )
        assert result.returncode == 1 and "Traceback" not in result.stderr  # For the leak.
        assert f"The picture {sheet} could not be written" in result.stdout
        assert json.loads(report.read_text())["clips"] == {"train": 3, "val": 1}
        report.unlink()


def test_good_records(records, tmp_path):
    result = run("inspect_records", records, f"--sheet={tmp_path / 'sheet.png'}")
    assert "more than one split (a leak): none" in result.stdout
    assert (tmp_path / "sheet.png").exists()


def test_folder_without_records(tmp_path):
    result = run("inspect_records", tmp_path, "--sheet=", check=False)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "dataset_info.json" in result.stderr
    assert "`gsf_tf.data.write_records` is called by the command gsf-tf prepare." in result.stderr
