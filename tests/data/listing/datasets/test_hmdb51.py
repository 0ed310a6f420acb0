import pytest

from gsf_tf.data import DataError
from gsf_tf.data.listing.datasets import Hmdb51
from tests.data.record_reader import prepare
from tests.data.video_maker import make_video

# Names as the official ones are: `#`, `!`, `&`, brackets and points; a line ends with a space.
CLIPS = {
    "brush_hair": [
        ("#20_Rhythm_clap_brush_hair_u_nm_np1_fr_goo_0.avi", 1, 2),
        ("April_09_brush_hair_u_nm_np1_ba_goo_0.avi", 2, 1),
        ("Brushing_my_waist_lenth_hair_BrushHair_u_nm.avi", 0, 1),
    ],
    "clap": [
        ("(HQ)_Rock!_&_clap_h_cm_np1_le_med_1.avi", 1, 1),
        ("5._clap_u_nm_np1_fr_med_3.avi", 2, 0),
    ],
    "shoot_ball": [("AdvancedBankShots_shoot_ball_u_cm_np1_ri_goo_5.avi", 1, 2)],
}


@pytest.fixture
def downloads(tmp_path):
    lists = tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    for name, clips in CLIPS.items():
        for variant in (1, 2):
            text = "".join(f"{clip[0]} {clip[variant]} \n" for clip in clips)
            (lists / f"{name}_test_split{variant}.txt").write_text(text)
        for number, (file, *_) in enumerate(clips):
            make_video(tmp_path / "hmdb51" / name / file, 3 + number, 48, 64)
    return tmp_path / "hmdb51", lists


@pytest.mark.parametrize("variant", [1, 2])
def test_from_the_download_to_records(downloads, tmp_path, variant):
    info, records = prepare(Hmdb51().list_clips(*downloads, str(variant)), tmp_path / "records")
    expected = {
        f"{name}/{clip[0]}": ("train" if clip[variant] == 1 else "val", name, list(range(3 + n)))
        for name, clips in CLIPS.items()
        for n, clip in enumerate(clips)
        if clip[variant]
    }
    assert {name: (r.split, r.label, r.numbers) for name, r in records.items()} == expected
    assert info.labels == sorted(CLIPS) and info.source == f"HMDB51 split {variant}"
    assert [split["published"] for split in info.splits.values()] == [3_570, 1_530]


def test_lists_that_break_a_rule_are_named(downloads):
    path = downloads[1] / "clap_test_split1.txt"
    path.write_text("a.avi 1 \nb.avi 3 \n")
    with pytest.raises(DataError, match=r"0, 1 or 2. Received: 'b.avi 3' at .*split1\.txt, line 2"):
        Hmdb51().list_clips(*downloads)
    with pytest.raises(DataError, match=r"CLASS_test_split3\.txt"):
        Hmdb51().list_clips(*downloads, "3")
