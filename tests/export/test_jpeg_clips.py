"""Clips that a served graph makes of JPEG files: the evaluation's pixels, or an error per row."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gsf_tf.data import video_dataset_from_records
from gsf_tf.data.pipeline.cropping import view_crops
from gsf_tf.export.jpeg_clips import clips_from_jpegs
from gsf_tf.ops import decode_crops
from tests.data.small_records import small_records, write_small_records

SIZE = (16, 20)


@pytest.fixture(scope="module")
def decode():
    """The function of a graph, for clips of four frames."""
    return tf.function(
        lambda jpegs: clips_from_jpegs(jpegs, 4, SIZE),
        input_signature=[tf.TensorSpec(None, tf.string)],
        autograph=False,
    )


def picture(height=24, width=32, form="JPEG", mode="RGB"):
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, form)
    return buffer.getvalue()


def frames_of(record):
    lists = tf.train.SequenceExample.FromString(record).feature_lists.feature_list
    return [frame.bytes_list.value[0] for frame in lists["image/encoded"].feature]


def test_pixels_are_those_of_the_evaluation(decode, tmp_path):
    write_small_records(tmp_path, 3, 3)
    dataset = video_dataset_from_records(
        [str(tmp_path / "train-00000-of-00001.tfrecord")],
        num_segments=4,
        batch_size=3,
        image_size=SIZE,
    )
    (wanted,) = (clips for clips, *_ in dataset.as_numpy_iterator())
    clips, error = decode(tf.constant([frames_of(record) for record in small_records(3, 3)]))
    np.testing.assert_array_equal(clips, wanted)
    assert error.numpy().tolist() == [b""] * 3


@pytest.mark.parametrize("shape", [(24, 32), (33, 21), (16, 20), (5, 7), (1, 1)])
def test_a_picture_is_each_frame_of_its_clip(decode, shape):
    jpeg = picture(*shape)
    clips, error = decode(tf.constant([jpeg, jpeg]))
    # What the pipeline of the evaluation computes; it decodes no pixel outside of the crop either.
    (wanted,), good = decode_crops([jpeg] * 4, shape, view_crops(*shape, SIZE, 1), SIZE)
    assert good
    np.testing.assert_array_equal(clips, [wanted, wanted])
    assert error.numpy().tolist() == [b"", b""]


def test_gray_pictures_have_equal_channels(decode):
    (clip,), (error,) = decode(tf.constant([picture(mode="L")]))
    assert not error.numpy() and np.ptp(clip) > 0
    np.testing.assert_array_equal(clip[..., 0], clip[..., 2])


def test_what_is_no_jpeg_costs_its_own_row(decode):
    good, cut = picture(), picture()[:300]
    vast = picture()
    place = vast.index(b"\xff\xc0") + 5  # Of the height in the frame header.
    vast = vast[:place] + b"\xff\xff\xff\xff" + vast[place + 4 :]
    rows = [
        [good] * 4,
        [good, b"no picture", good, good],
        [b"", good, good, picture(form="PNG")],
        [good, good, cut, vast],
    ]
    clips, error = decode(tf.constant(rows))
    whole, _ = decode(tf.constant([[good] * 4]))
    np.testing.assert_array_equal(clips[0], whole[0])
    assert [text.decode().rpartition(":")[2] for text in error.numpy()] == [
        "",
        " 1",
        " 0 3",
        " 2 3",
    ]
    assert error.numpy()[1].startswith(b"`jpeg` must hold JPEG files")
    assert not clips[1, 1].numpy().any()


@pytest.mark.parametrize("shape", [(), (2, 3), (2, 4, 1), (1, 8)])
def test_other_shapes_are_refused(decode, shape):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`jpeg` must be JPEG files \[N, 4\]"):
        decode(tf.fill(shape, picture()))
