import numpy as np
import pytest
from PIL import Image

from gsf_tf.data import FrameFolder, VideoError
from gsf_tf.data.video.image_file import iterate_image
from tests.data.video.test_image_file import ORIENTATIONS
from tests.data.video_maker import frame_numbers, make_frames, numbered_frame


@pytest.mark.parametrize("first", [0, 1])
def test_frames_come_in_order_and_scaled_down(tmp_path, first):
    path = make_frames(tmp_path / "a", 12, 100, 150, first=first)
    (path / "Thumbs.db").touch()
    folder = FrameFolder(path, 12)
    assert len(folder) == 12 and folder.index_base == first
    frames = list(folder.iterate_frames(short_side=50))
    assert frames[0].pixels.shape == (50, 75, 3) and frames[0].pixels.dtype == np.uint8
    assert frame_numbers([frame.pixels for frame in frames]).tolist() == list(range(12))
    assert [frame.seconds for frame in frames] == pytest.approx(np.arange(12) / 12)
    error = np.abs(frames[5].pixels.astype(int) - numbered_frame(5, 50, 75))
    assert error.mean() < 1.5


def test_without_a_frame_rate_there_are_no_times(tmp_path):
    folder = FrameFolder(make_frames(tmp_path / "a", 2))
    assert [frame.seconds for frame in folder.iterate_frames()] == [None, None]


def test_small_frames_stay_and_only_kept_ones_come_out(tmp_path):
    folder = FrameFolder(make_frames(tmp_path / "a", 12, 60, 80), 12)
    frames = list(folder.iterate_frames(short_side=100, keep=lambda index: index in (2, 7)))
    assert [frame.index for frame in frames] == [2, 7]
    np.testing.assert_array_equal(
        frames[0].pixels, np.asarray(Image.open(tmp_path / "a/00003.jpg"))
    )


def test_gray_frames_become_rgb_and_numbers_need_no_zeros(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(1, 12):
        level = np.full([32, 32], 20 + 5 * number, np.uint8)
        Image.fromarray(level).save(tmp_path / "a" / f"{number}.JPEG")
    frames = list(FrameFolder(tmp_path / "a", 12).iterate_frames())
    assert frame_numbers([frame.pixels for frame in frames]).tolist() == list(range(1, 12))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_frames_are_shown_upright_as_single_images_are(tmp_path, orientation):
    path = make_frames(tmp_path / "a", 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("00001.jpg", "00002.jpg", "00003.jpg"):
        Image.open(path / name).save(path / name, quality=95, exif=exif)
    found = [frame.pixels for frame in FrameFolder(path).iterate_frames()]
    for index, frame in enumerate(found):
        expected = ORIENTATIONS[orientation](numbered_frame(index, 64, 96))
        assert frame.shape == expected.shape
        assert np.abs(frame - expected.astype(int)).mean() < 2
        (single,) = iterate_image(path / f"{index + 1:05d}.jpg")
        np.testing.assert_array_equal(frame, single.pixels)
    frames = list(FrameFolder(path).iterate_frames(short_side=32))
    assert {min(frame.pixels.shape[:2]) for frame in frames} == {32}


def test_sizes_are_compared_upright(tmp_path):
    path = make_frames(tmp_path / "a", 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.rot90(numbered_frame(1, 64, 96))
    Image.fromarray(turned).save(path / "00002.jpg", quality=95, exif=exif)
    frames = [frame.pixels for frame in FrameFolder(path).iterate_frames()]
    assert frame_numbers(frames).tolist() == [0, 1, 2]
    Image.fromarray(numbered_frame(1, 64, 96)).save(path / "00002.jpg", exif=exif)
    with pytest.raises(VideoError, match="`00002.jpg` is 64x96, the frames before it are 96x64"):
        list(FrameFolder(path).iterate_frames())


def remove(*names):
    return lambda folder: [(folder / name).unlink() for name in names]


def replace(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def cut(folder):
    data = (folder / "00004.jpg").read_bytes()
    (folder / "00004.jpg").write_bytes(data[: len(data) * 9 // 10])


def resize(folder):
    Image.new("RGB", (40, 30)).save(folder / "00004.jpg")


@pytest.mark.parametrize(
    "damage, message, decoded",
    [
        (remove("00003.jpg", "00005.jpg"), r"2 of the frames 1\.\.12 are missing: 3, 5", 0),
        (remove("00001.jpg"), r"1 of the frames 1\.\.12 are missing: 1 ", 0),
        (remove(*(f"{n:05d}.jpg" for n in range(1, 13))), "holds no frame", 0),
        (replace("3.jpg", b""), "frame 3 has two files", 0),
        (replace("00004.jpg", b""), "`00004.jpg` is not a JPEG file", 3),
        (
            replace("00004.jpg", b"\x89PNG\r\n\x1a\n" + bytes(100)),
            "`00004.jpg` is not a JPEG file",
            3,
        ),
        (cut, "`00004.jpg` is damaged", 3),
        (resize, "`00004.jpg` is 40x30, the frames before it are 96x64", 3),
    ],
)
def test_damaged_folders(tmp_path, damage, message, decoded):
    damage(make_frames(tmp_path / "a", 12))
    with pytest.raises(VideoError, match=message) as error:
        list(FrameFolder(tmp_path / "a", 12).iterate_frames(keep=lambda index: False))
    assert error.value.frames_decoded == decoded


def test_missing_folder(tmp_path):
    with pytest.raises(VideoError, match="folder of frames does not exist"):
        FrameFolder(tmp_path / "a", 12)


def test_a_header_with_an_absurd_size_is_not_decoded(tmp_path):
    path = make_frames(tmp_path / "a", 1) / "00001.jpg"
    data = bytearray(path.read_bytes())
    size = data.index(b"\xff\xc0") + 5
    data[size : size + 4] = (9000).to_bytes(2, "big") * 2
    path.write_bytes(data)
    with pytest.raises(VideoError, match="announces 9000x9000"):
        list(FrameFolder(tmp_path / "a", 12).iterate_frames())
