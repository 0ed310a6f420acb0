import io
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gsf_tf import ops

SIZES = [
    # frame, image_size
    ((168, 192), (224, 224)),
    ((64, 85), (56, 56)),
    ((48, 64), (48, 64)),
    ((40, 30), (31, 45)),
    ((1, 1), (5, 4)),
    ((2, 3), (7, 1)),
    ((97, 301), (16, 24)),
]


def random_frames(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, [*shape, 3], np.uint8)


def smooth_frames(count, height, width):
    """Frames that a JPEG keeps well."""
    y, x = np.mgrid[:height, :width]
    frames = [np.stack([y + 9 * n, x + 5 * n, x + y], -1) % 200 for n in range(count)]
    return np.array(frames, np.uint8)


def encode(frame, mode="RGB", **options):
    file = io.BytesIO()
    Image.fromarray(frame).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def weights_by_definition(input_size, output_size):
    """[output_size, input_size]: a triangle as wide as two input or two output pixels."""
    ratio = input_size / output_size
    centers = (np.arange(output_size)[:, None] + 0.5) * ratio - 0.5
    distances = np.abs(np.arange(input_size) - centers) / max(ratio, 1.0)
    weights = np.maximum(1 - distances, 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("frame, image_size", SIZES)
def test_scaling_follows_the_definition(ops_path, frame, image_size):
    frames = random_frames(2, *frame)
    actual = ops.scale_crops(frames, [[0, 0, *frame]], image_size)
    down = weights_by_definition(frame[0], image_size[0])
    across = weights_by_definition(frame[1], image_size[1])
    exact = np.einsum("yh,thwc,xw->tyxc", down, frames.astype(np.float64), across, optimize=True)
    assert actual.shape == (1, 2, *image_size, 3) and actual.dtype == tf.uint8
    # Half a level of rounding, and what single precision adds.
    assert np.abs(actual[0].numpy() - exact).max() <= 0.5001


@pytest.mark.parametrize("frame, image_size", SIZES)
def test_both_paths_give_the_same_pixels(frame, image_size):
    frames = random_frames(3, *frame, seed=1)
    with ops.use_implementation("reference"):
        expected = ops.scale_crops(frames, [[0, 0, *frame]], image_size)
    with ops.use_implementation("compiled"):
        actual = ops.scale_crops(frames, [[0, 0, *frame]], image_size)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("size", [40, 64, 100])
def test_scaling_is_that_of_pil(ops_path, size):
    frame = random_frames(64, 75)
    expected = np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR))
    actual = ops.scale_crops(frame[None], [[0, 0, 64, 75]], (size, size))[0, 0].numpy()
    assert np.abs(actual.astype(int) - expected).max() <= 1


def test_boxes_are_cut_out(ops_path):
    frames = random_frames(2, 20, 30)
    boxes = [[3, 4, 8, 8], [0, 0, 20, 30], [12, 22, 8, 8], [1, 1, 1, 1]]
    crops = ops.scale_crops(frames, boxes, (8, 8)).numpy()
    assert crops.shape == (4, 2, 8, 8, 3)
    np.testing.assert_array_equal(crops[0], frames[:, 3:11, 4:12])
    np.testing.assert_array_equal(crops[2], frames[:, 12:20, 22:30])
    np.testing.assert_array_equal(crops[3], np.broadcast_to(frames[:, 1:2, 1:2], [2, 8, 8, 3]))
    alone = ops.scale_crops(frames, boxes[1:2], (8, 8))
    np.testing.assert_array_equal(crops[1], alone[0])


@pytest.mark.parametrize("quality, subsampling", [(95, 2), (75, 0)])
def test_decoded_crops_are_crops_of_the_decoded(ops_path, quality, subsampling):
    jpegs = [
        encode(frame, quality=quality, subsampling=subsampling)
        for frame in smooth_frames(3, 50, 70)
    ]
    boxes = [[5, 7, 40, 32], [5, 30, 40, 32], [9, 2, 20, 64]]
    crops, good = ops.decode_crops(jpegs, [50, 70], boxes, (24, 28))
    assert good
    # The decoder interpolates color across the edge of what it decodes, so that the reference is
    # the decoder's own crop of the box around all boxes.
    hull = [5, 2, 40, 64]
    frames = np.stack([
        tf.io.decode_and_crop_jpeg(jpeg, hull, channels=3, dct_method="INTEGER_ACCURATE")
        for jpeg in jpegs
    ])  # fmt: skip
    inside = np.array(boxes) - [5, 2, 0, 0]
    np.testing.assert_array_equal(crops, ops.scale_crops(frames, inside, (24, 28)))


def test_gray_jpegs_have_three_colors(ops_path):
    jpeg = encode(smooth_frames(1, 16, 16)[0], mode="L", quality=95)
    crops, good = ops.decode_crops([jpeg], [16, 16], [[0, 0, 16, 16]], (16, 16))
    assert good and np.ptp(crops.numpy(), axis=-1).max() == 0 and np.ptp(crops.numpy()) > 10


def test_in_a_pipeline_shapes_are_known(ops_path):
    jpegs = [encode(frame) for frame in smooth_frames(2, 24, 24)]
    dataset = tf.data.Dataset.from_tensors(jpegs).map(
        lambda jpegs: ops.decode_crops(jpegs, [24, 24], [[0, 0, 24, 24]], (16, 8))
    )
    assert dataset.element_spec[0].shape == (1, 2, 16, 8, 3)
    crops, good = dataset.get_single_element()
    assert good and crops.shape == (1, 2, 16, 8, 3)


def _damage():
    whole = [encode(frame) for frame in smooth_frames(2, 24, 24)]
    header = whole[1].index(b"\xff\xc0") + 5
    return {
        "another size": encode(smooth_frames(1, 24, 25)[0]),
        "absurd size": whole[1][:header] + b"\xff\xff\xff\xff" + whole[1][header + 4 :],
        "cut": whole[1][: len(whole[1]) // 2],
        "text": b"this is no JPEG",
        "empty": b"",
    }


@pytest.mark.parametrize("damage", _damage())
def test_a_damaged_jpeg_is_no_error(ops_path, damage):
    jpegs = [encode(smooth_frames(1, 24, 24)[0]), _damage()[damage]]
    crops, good = ops.decode_crops(jpegs, [24, 24], [[0, 0, 24, 24]], (16, 16))
    assert not good
    assert crops.shape == (1, 2, 16, 16, 3) and not crops.numpy().any()


@pytest.mark.parametrize(
    "box", [[-1, 0, 4, 4], [0, 5, 4, 4], [0, 0, 0, 4], [5, 0, 4, 4], [2**31 - 1, 0, 2**31 - 1, 1]]
)
def test_a_box_outside_is_an_error(ops_path, box):
    frames = random_frames(1, 8, 8)
    jpeg = encode(frames[0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="must lie within the frame"):
        ops.scale_crops(frames, [[0, 0, 8, 8], box], (4, 4))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must lie within the frame"):
        ops.decode_crops([jpeg], [8, 8], [box], (4, 4))


@pytest.mark.parametrize(
    "frames, boxes, image_size, message",
    [
        (np.zeros([8, 8, 3], np.uint8), [[0, 0, 8, 8]], (4, 4), "frames must be"),
        (np.zeros([1, 8, 8, 1], np.uint8), [[0, 0, 8, 8]], (4, 4), "frames must be"),
        (np.zeros([1, 8, 8, 3], np.uint8), [0, 0, 8, 8], (4, 4), "boxes must be"),
        (np.zeros([1, 8, 8, 3], np.uint8), [[0, 0, 8, 8]], (4, 0), "image_size must be"),
        (np.zeros([1, 8, 8, 3], np.uint8), [[0, 0, 8, 8]], (4,), "image_size must be"),
    ],
)
def test_wrong_arguments(ops_path, frames, boxes, image_size, message):
    with pytest.raises(ValueError, match=message):
        ops.scale_crops(frames, boxes, image_size)


def _crops_of_many_sizes():
    with ops.use_implementation("compiled"):
        crops = [
            ops.scale_crops(random_frames(2, *frame, seed=2), [[0, 0, *frame]], image_size)
            for frame, image_size in SIZES
        ]
    return [np.asarray(crop) for crop in crops]


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_pixels_do_not_depend_on_the_instruction_set(ops_path, tmp_path):
    program = (
        "import sys; import numpy as np; from tests.ops.test_crops import _crops_of_many_sizes; "
        "np.savez(sys.argv[1], *_crops_of_many_sizes())"
    )
    subprocess.run(
        [sys.executable, "-c", program, tmp_path / "narrow.npz"],
        env={**os.environ, "GSF_TF_CPU_VECTOR_BYTES": "16"},
        check=True,
    )
    narrow = np.load(tmp_path / "narrow.npz").values()
    for expected, actual in zip(narrow, _crops_of_many_sizes(), strict=True):
        np.testing.assert_array_equal(actual, expected)
