"""What a model looks at: maps of planted detectors, and their pictures."""

import av
import keras
import numpy as np
import pytest
from PIL import Image

from gsf_tf.analysis import class_activation, grad_cam, overlay, strip_figure, write_animation
from gsf_tf.models import SegmentModel

SIDE, CELL = 32, 8


def moving_square():
    """A red square of one cell on blue that moves by a cell per frame; its cells `[T, 2]`."""
    cells = np.array([[1, 0], [1, 1], [1, 2], [2, 3]])
    clip = np.zeros((4, SIDE, SIDE, 3), "uint8")
    clip[..., 2] = 200
    for frame, (row, column) in zip(clip, cells * CELL, strict=True):
        frame[row : row + CELL, column : column + CELL] = (250, 0, 0)
    return clip, cells


def color_model():
    """Class 0 is how blue a clip is, class 1 how red."""
    frames = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.AveragePooling2D(CELL, name="cells")(frames)
    x = keras.layers.Conv2D(2, 1, use_bias=False, activation="relu", name="colors")(x)
    backbone = keras.Model(frames, keras.layers.Conv2D(2, 1, use_bias=False, name="last")(x))
    normalization = {"mean": [0, 0, 0], "std": [1, 1, 1]}
    model = SegmentModel(backbone, 2, 4, normalization=normalization)
    kernel = np.array([[0, 1], [0, 0], [1, 0]], "float32")
    backbone.get_layer("colors").kernel.assign(kernel[None, None])
    backbone.get_layer("last").kernel.assign(np.eye(2)[None, None])
    model.get_layer("classifier").kernel.assign([[1, -0.5], [0, 20]])
    model.get_layer("classifier").bias.assign([0.5, -0.25])
    return model


def brightest(maps):
    return [np.unravel_index(each.argmax(), each.shape) for each in maps]


def test_class_activation_lights_up_where_the_shape_moves():
    clip, cells = moving_square()
    model = color_model()
    clips = np.stack([clip, clip])
    maps = class_activation(model, clips, [1, 0])
    assert maps.shape == (2, 4, 4, 4)
    np.testing.assert_array_equal(brightest(maps[0]), cells)
    # For blue it is the only place that is dark.
    np.testing.assert_array_equal(brightest(-maps[1]), cells)
    # Mean and bias are the logit.
    logits = model.predict(clips, verbose=0)
    bias = [-0.25, 0.5]
    np.testing.assert_allclose(maps.mean(axis=(1, 2, 3)) + bias, logits[[0, 1], [1, 0]], rtol=1e-4)


def test_relative_maps_tell_the_classes_apart():
    """Of two classes, each has half the difference; their sum is zero, and so are the biases'."""
    clip, cells = moving_square()
    model = color_model()
    plain = [class_activation(model, clip[None], [label]) for label in (0, 1)]
    relative = [class_activation(model, clip[None], [n], relative=True) for n in (0, 1)]
    np.testing.assert_allclose(relative[1], (plain[1] - plain[0]) / 2, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(relative[0], -relative[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(brightest(relative[1][0]), cells)


def test_without_classes_it_is_the_likeliest():
    clip, _ = moving_square()
    model = color_model()
    likeliest = model.predict(clip[None], verbose=0).argmax(axis=1)
    np.testing.assert_array_equal(
        class_activation(model, clip[None]), class_activation(model, clip[None], likeliest)
    )


@pytest.mark.parametrize("layer", ["colors", "last"])
def test_grad_cam_of_a_layer(layer):
    clip, cells = moving_square()
    maps = grad_cam(color_model(), clip[None], layer, [1])
    np.testing.assert_array_equal(brightest(maps[0]), cells)
    # Red is the only color whose gradient is positive for class 1.
    red = maps[0] > 0
    np.testing.assert_array_equal(red.sum(axis=(1, 2)), [1, 1, 1, 1])


def test_what_is_refused():
    clip, _ = moving_square()
    model = color_model()
    with pytest.raises(ValueError, match="The last ones are .*colors, last"):
        grad_cam(model, clip[None], "nothing")
    with pytest.raises(ValueError, match=r"a class in 0..1 for each of 1 clips.*\[2\]"):
        class_activation(model, clip[None], [2])
    with pytest.raises(ValueError, match="`clips` must be .* Received: shape"):
        class_activation(model, clip)
    with pytest.raises(ValueError, match="must be a SegmentModel"):
        class_activation(model.backbone, clip[None])
    flat = SegmentModel(
        keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()]), 2, num_segments=4
    )
    with pytest.raises(ValueError, match="whose backbone has the output"):
        class_activation(flat, clip[None, :, :8, :8])
    with pytest.raises(ValueError, match="with the same T"):
        overlay(clip, np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match="same number of frames"):
        strip_figure({"a": clip, "b": clip[:2]})


def test_overlay_is_brightest_on_the_shape():
    clip, cells = moving_square()
    gray = np.full_like(clip, 100)
    maps = np.zeros((4, 4, 4))
    for place, (row, column) in zip(maps, cells, strict=True):
        place[row, column] = 3.0
    laid = overlay(gray, maps)
    assert laid.shape == gray.shape and laid.dtype == np.uint8
    red = laid[..., 0].reshape(4, 4, CELL, 4, CELL).mean(axis=(2, 4))
    np.testing.assert_array_equal(brightest(red), cells)
    # What is negative does not weaken what is positive.
    negative = np.where(maps == 0, -100.0, maps)
    np.testing.assert_array_equal(overlay(gray, np.maximum(negative, 0)), overlay(gray, negative))
    # A map with a sign shows negative places in blue, one without does not show them.
    blue = overlay(gray, -maps, signed=True)
    assert (blue[0, 12, 4].astype(int)[2] - blue[0, 12, 4].astype(int)[0]) > 30
    assert np.ptp(overlay(gray, -maps)) == 0


def test_strip_and_animations(tmp_path):
    clip, _ = moving_square()
    figure = strip_figure({"frames": clip, "$x_1$ maps": clip}, title="a title")
    first, second = figure.axes
    assert (first.get_title("left"), second.get_title("left")) == ("frames", "$x_1$ maps")
    # A gap of one white column between frames of 32 pixels.
    drawn = second.images[0].get_array()
    assert drawn.shape == (32, 4 * 33 - 1, 3) and (drawn[:, 32] == 255).all()
    np.testing.assert_array_equal(drawn[:, 33:65], clip[1])
    figure.savefig(tmp_path / "strip.png")

    write_animation(tmp_path / "clip.gif", clip, frame_rate=5)
    with Image.open(tmp_path / "clip.gif") as image:
        assert image.n_frames == 4 and image.info["duration"] == 200
        image.seek(3)
        shown = np.asarray(image.convert("RGB"))
    assert np.abs(shown.astype(int) - clip[3]).max() < 8
    write_animation(tmp_path / "clip.mp4", np.repeat(clip, 3, axis=2)[:, :31])
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in frames] == [(30, 96, 3)] * 4
    for path in ("clip.avi", "clip"):
        with pytest.raises(ValueError, match="must end in .gif or .mp4"):
            write_animation(tmp_path / path, clip)
