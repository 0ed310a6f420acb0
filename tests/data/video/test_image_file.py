import numpy as np
import pytest
from PIL import Image

from gsf_tf.data import VideoError
from gsf_tf.data.video.image_file import check_image, iterate_image
from tests.data.video_maker import numbered_frame

PICTURE = numbered_frame(3, 40, 60)


def pixels(path, **options):
    (frame,) = iterate_image(path, **options)
    assert (frame.index, frame.seconds) == (0, 0.0) and frame.pixels.dtype == np.uint8
    return frame.pixels


# What turns the stored picture into the one that is to be seen, by EXIF's orientation.
ORIENTATIONS = {
    1: lambda picture: picture,
    2: np.fliplr,
    3: lambda picture: np.rot90(picture, 2),
    4: np.flipud,
    5: lambda picture: picture.transpose(1, 0, 2),
    6: lambda picture: np.rot90(picture, 3),
    7: lambda picture: np.rot90(picture, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_shown_upright(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PICTURE).save(tmp_path / name, quality=95, exif=exif)
    found, expected = pixels(tmp_path / name), ORIENTATIONS[orientation](PICTURE)
    assert found.shape == expected.shape and np.abs(found - expected.astype(int)).mean() < 2
    assert min(pixels(tmp_path / name, short_side=20).shape[:2]) == 20


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK"])
def test_all_modes_become_rgb(tmp_path, mode):
    image = Image.fromarray(PICTURE)
    path = tmp_path / ("a.JPEG" if mode == "CMYK" else "a.png")
    (image.quantize() if mode == "P" else image.convert(mode)).save(path)
    assert np.abs(pixels(path) - PICTURE.astype(int)).mean() < 2


def test_sixteen_bits_become_eight(tmp_path):
    Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 257).save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), PICTURE)


def test_the_name_may_be_of_the_other_format(tmp_path):
    path = tmp_path / "100%d*[a].jpg"
    Image.fromarray(PICTURE).save(path, "PNG")
    np.testing.assert_array_equal(pixels(path), PICTURE)
    assert list(iterate_image(path, keep=lambda index: False)) == []


def cut(data):
    return data[:-20]


def announce(data):
    size = data.index(b"\xff\xc0") + 5
    return data[:size] + (9000).to_bytes(2, "big") * 2 + data[size + 4 :]


@pytest.mark.parametrize(
    "damage, message, shows_at_once",
    [
        (cut, "it is damaged", False),
        (announce, "announces 9000x9000 pixels", True),
        (lambda data: b"", "neither a JPEG nor a PNG", True),
        (lambda data: b"BM" + bytes(100), "neither a JPEG nor a PNG", True),
    ],
)
def test_damaged_images(tmp_path, damage, message, shows_at_once):
    path = tmp_path / "a.jpg"
    with pytest.raises(VideoError, match="the file does not exist"):
        check_image(path)
    Image.fromarray(PICTURE).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(VideoError, match=message) as error:
        pixels(path)
    assert error.value.path == str(path) and error.value.frames_decoded == 0
    if shows_at_once:
        with pytest.raises(VideoError, match=message):
            check_image(path)
    else:
        check_image(path)
