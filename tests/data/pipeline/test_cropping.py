import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data.pipeline.cropping import (
    random_resized_crop,
    training_crop,
    view_crops,
)


@pytest.mark.parametrize(
    "height, width, size, expected",
    [
        (256, 340, (224, 224), [16, 58, 224, 224]),
        (340, 256, (224, 224), [58, 16, 224, 224]),
        (240, 320, (224, 224), [15, 55, 210, 210]),
        (128, 128, (112, 112), [8, 8, 112, 112]),
        (256, 512, (112, 224), [16, 32, 224, 448]),
    ],
)
def test_center_crop(height, width, size, expected):
    np.testing.assert_array_equal(view_crops(height, width, size, 1), [expected])


@pytest.mark.parametrize(
    "height, width, size, full, expected",
    [
        (256, 340, 224, False, [[16, 0, 224, 224], [16, 58, 224, 224], [16, 116, 224, 224]]),
        (340, 256, 224, False, [[0, 16, 224, 224], [58, 16, 224, 224], [116, 16, 224, 224]]),
        (256, 340, 256, True, [[0, 0, 256, 256], [0, 42, 256, 256], [0, 84, 256, 256]]),
        (256, 256, 256, True, [[0, 0, 256, 256]] * 3),
    ],
)
def test_three_crops_by_hand(height, width, size, full, expected):
    boxes = view_crops(height, width, (size, size), 3, full_short_side=full)
    np.testing.assert_array_equal(boxes, expected)
    (center,) = view_crops(height, width, (size, size), 1, full_short_side=full)
    np.testing.assert_array_equal(center, expected[1])


def authors_crops(height, width, scaled, size):
    """Three crops as in the authors' code: scale the short side, then count in whole quarters.

    The boxes are in pixels of the scaled frame, which is returned too.
    """
    short = min(height, width)
    frame_height, frame_width = height * scaled // short, width * scaled // short
    top, left = (frame_height - size) // 4 * 2, (frame_width - size) // 4
    return [[top, left * quarters, size, size] for quarters in (0, 2, 4)], frame_height


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    "height, width",
    [(256, 340), (340, 256), (256, 341), (455, 256), (256, 256), (512, 1023), (720, 406)],
)
def test_crops_along_the_width_are_those_of_the_authors(height, width, full):
    scaled, size = (256, 256) if full else (256, 224)
    boxes = view_crops(height, width, (size, size), 3, full_short_side=full, crops_along="width")
    expected, scaled_height = authors_crops(height, width, scaled, size)
    if min(height, width) == scaled:
        np.testing.assert_array_equal(boxes, expected)
    # In larger frames a pixel of the scaled frame is several, and quarters are cut off elsewhere.
    tolerance = 4 * height / scaled_height
    np.testing.assert_allclose(boxes, np.multiply(expected, height / scaled_height), atol=tolerance)
    lefts = np.array(boxes)[:, 1]
    if full and height >= width:
        assert len(set(lefts)) == 1
    else:
        assert lefts[0] == 0 and lefts[0] < lefts[1] < lefts[2]


def test_the_side_matters_for_several_crops_of_upright_frames_only():
    for height, width in ((340, 256), (256, 340)):
        single = view_crops(height, width, (224, 224), 1)
        along_width = view_crops(height, width, (224, 224), 1, crops_along="width")
        np.testing.assert_array_equal(single, along_width)
    upright = view_crops(340, 256, (224, 224), 3, crops_along="width")
    np.testing.assert_array_equal(
        upright, [[58, 0, 224, 224], [58, 16, 224, 224], [58, 32, 224, 224]]
    )


@pytest.mark.parametrize("size, aspect", [((64, 64), 1.0), ((64, 128), 2.0)])
def test_resized_crops_have_the_area_and_the_shape_asked_for(size, aspect):
    height, width = 240, 320
    draw = tf.function(
        lambda seed: random_resized_crop(height, width, size, seed, (0.2, 0.5), (0.8, 1.25))
    )
    boxes = np.array([draw(tf.constant([seed, 3])) for seed in range(300)])
    top, left, box_height, box_width = boxes.T
    assert (top >= 0).all() and (left >= 0).all()
    assert (top + box_height <= height).all() and (left + box_width <= width).all()
    # A pixel of rounding on each side.
    area = box_height * box_width / (height * width)
    assert area.min() > 0.195 and area.max() < 0.51 and np.ptp(area) > 0.25
    shape = box_width / box_height / aspect
    assert shape.min() > 0.78 and shape.max() < 1.28 and np.ptp(shape) > 0.3
    assert len(set(zip(top, left, strict=True))) > 250
    np.testing.assert_array_equal(draw(tf.constant([7, 3])), boxes[7])


def test_training_crops_are_those_of_the_rule():
    height, width = 256, 340
    sides = [256, 224, 192, 168]
    allowed = {
        (top, left, sides[i], sides[j])
        for i in range(4)
        for j in range(4)
        if abs(i - j) <= 1
        for top, left in _positions(height - sides[i], width - sides[j])
    }
    draw = tf.function(lambda seed: training_crop(height, width, (224, 224), seed))
    drawn = {tuple(draw(tf.constant([seed, 5])).numpy().tolist()) for seed in range(2000)}
    assert drawn <= allowed
    # All but the few that 2000 draws from about 120 miss by chance.
    assert len(drawn) >= len(allowed) - 2
    assert {box[2:] for box in drawn} == {box[2:] for box in allowed}
    assert len({box[2:] for box in drawn}) == 10


def _positions(free_y, free_x):
    y, x = free_y // 4, free_x // 4
    corners = [(0, 0), (0, 4), (4, 0), (4, 4), (2, 2)]
    edges = [(0, 2), (4, 2), (2, 0), (2, 4)]
    quarters = [(1, 1), (1, 3), (3, 1), (3, 3)]
    return [(y * i, x * j) for i, j in corners + edges + quarters]


@pytest.mark.parametrize("height, width", [(16, 16), (17, 400), (400, 17)])
def test_boxes_stay_inside_odd_frames(height, width):
    for size in [(224, 224), (100, 230)]:
        boxes = [training_crop(height, width, size, [seed, 0]) for seed in range(50)]
        for top, left, box_height, box_width in [*boxes, *view_crops(height, width, size, 3)]:
            assert top >= 0 and left >= 0 and box_height >= 1 and box_width >= 1
            assert top + box_height <= height and left + box_width <= width
