import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from gsf_tf.analysis import (
    attention_figure,
    shift_animation,
    shift_figures,
    shift_histogram_figure,
    shift_statistics,
)
from gsf_tf.analysis.shift_statistics import ShiftStatistics
from gsf_tf.layers import AttentionShift, IntegerShift, RubiksShift2D, RubiksShift3D
from gsf_tf.models import from_preset

T, CHANNELS = 4, 8
# Rounded: 0, 0, 1, 0, -1, 0, 2, -2 (halves up).
REAL = np.float32([0, 0.25, 0.5, -0.5, -0.75, 0.49, 2.25, -1.75])
INTEGER = [-1, 0, 1, 1, 0, 0, 0, -1]
ATTENTION = np.random.default_rng(2).normal(size=(3, CHANNELS)).astype("float32")


@pytest.fixture(scope="module")
def model():
    """A layer of each kind, two of them in a model inside the model."""
    inner_input = keras.Input((6, 6, CHANNELS))
    attention = AttentionShift(T, 0.5, name="attention")
    space = RubiksShift2D(name="space")
    inner = keras.Model(inner_input, space(attention(inner_input)), name="inner")
    volume = RubiksShift3D(T, mode="quantized", name="volume")
    integer = IntegerShift(T, name="integer")
    inputs = keras.Input((6, 6, CHANNELS))
    x = keras.layers.ReLU()(volume(inputs))
    model = keras.Model(inputs, integer(inner(x)))
    volume.shift.assign([REAL, REAL[::-1] / 2, 0 * REAL])
    space.shift.assign([-REAL, 3 * REAL])
    attention.attention.assign(ATTENTION)
    integer.shift.assign(INTEGER)
    return model


def distribution():
    """Equation (7) at temperature 0.5, in float64."""
    attention = ATTENTION.astype("float64")
    powers = np.exp(attention / np.std(attention, axis=0, ddof=1) / 0.5)
    return powers / powers.sum(axis=0)


def histogram(values, edges):
    return np.array(
        [
            np.mean([low <= value < high for value in values])
            for low, high in zip(edges, edges[1:], strict=False)
        ]
    )


def edges(patches):
    return [bar.get_x() for bar in patches] + [patches[-1].get_x() + patches[-1].get_width()]


def test_layers_in_the_order_of_the_model(model):
    statistics = shift_statistics(model)
    assert [(layer.name, layer.kind, layer.axes) for layer in statistics] == [
        ("volume", "RubiksShift3D", ("T", "H", "W")),
        ("attention", "AttentionShift", ("T",)),
        ("space", "RubiksShift2D", ("H", "W")),
        ("integer", "IntegerShift", ("T",)),
    ]
    volume, attention, space, integer = (layer.shifts for layer in statistics)
    np.testing.assert_array_equal(volume, [REAL, REAL[::-1] / 2, 0 * REAL])
    np.testing.assert_array_equal(attention, [ATTENTION.argmax(axis=0) - 1])
    np.testing.assert_array_equal(space, [-REAL, 3 * REAL])
    np.testing.assert_array_equal(integer, [INTEGER])
    assert [layer.distribution is None for layer in statistics] == [True, False, True, True]
    np.testing.assert_allclose(statistics[1].distribution, distribution(), rtol=1e-4)


def test_zero_shares(model):
    volume, attention, space, integer = (layer.zero_share for layer in shift_statistics(model))
    # REAL / 2: 0, 0.125, 0.25, -0.25, -0.375, 0.245, 1.125, -0.875.
    np.testing.assert_array_equal(volume, [4 / 8, 6 / 8, 1])
    # -REAL: -0.5 to 0, 0.5 to 1. 3 REAL: 0, 0.75, 1.5, -1.5, -2.25, 1.47, 6.75, -5.25.
    np.testing.assert_array_equal(space, [4 / 8, 1 / 8])
    np.testing.assert_array_equal(integer, [4 / 8])
    assert attention.shape == (1,)
    np.testing.assert_allclose(attention, distribution()[1].mean(), rtol=1e-5)
    share = model.get_layer("inner").get_layer("attention").nonzero_share()
    np.testing.assert_allclose(1 - attention, [share], rtol=1e-6)


def test_reaches(model):
    volume, attention, space, integer = shift_statistics(model)
    np.testing.assert_allclose(volume.mean_reach, [6.49 / 8, 6.49 / 16, 0], rtol=1e-6)
    np.testing.assert_allclose(volume.largest_reach, [2.25, 1.125, 0])
    np.testing.assert_allclose(space.mean_reach, [6.49 / 8, 3 * 6.49 / 8], rtol=1e-6)
    np.testing.assert_allclose(space.largest_reach, [2.25, 6.75])
    np.testing.assert_allclose(integer.mean_reach, [4 / 8])
    np.testing.assert_allclose(integer.largest_reach, [1])
    np.testing.assert_allclose(attention.mean_reach, [np.mean(ATTENTION.argmax(axis=0) != 1)])


def test_presets_have_statistics():
    shape = (32, 32, 3)
    plain = from_preset("rubiksnet_mini", 3, num_segments=2, input_shape=shape)
    kinds = [layer.kind for layer in shift_statistics(plain)]
    blocks = sum(layer.name.endswith("_add") for layer in plain.backbone.layers)
    assert kinds == ["RubiksShift3D"] * blocks
    attention = from_preset("rubiksnet_mini_aq", 3, num_segments=2, input_shape=shape)
    kinds = [layer.kind for layer in shift_statistics(attention)]
    assert kinds == ["AttentionShift", "RubiksShift2D"] * blocks


def test_a_model_without_shifts():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs), name="dense")
    with pytest.raises(ValueError, match="must have layers that shift.*Received: 'dense'"):
        shift_statistics(model)


def test_attention_figure_has_a_bar_per_shift_and_layer(model, tmp_path):
    figure = attention_figure(shift_statistics(model))
    (axes,) = figure.axes
    attention, integer = axes.containers
    heights = [bar.get_height() for bar in attention]
    np.testing.assert_allclose(heights, distribution().mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose([bar.get_height() for bar in integer], [2 / 8, 4 / 8, 2 / 8])
    # The deeper layer is on the right, another color, and both stand around their shift.
    for left, right, shift in zip(attention, integer, (-1, 0, 1), strict=True):
        assert left.get_x() + left.get_width() == pytest.approx(right.get_x())
        assert left.get_x() + left.get_width() == pytest.approx(shift)
        assert left.get_facecolor() != right.get_facecolor()
    assert [text.get_text() for text in axes.get_xticklabels()] == ["-1", "0", "+1"]
    (marks,) = axes.collections
    assert [segment[0][1] for segment in marks.get_segments()] == [1 / 8, 3 / 4, 1 / 8]
    for (start, end), shift in zip(marks.get_segments(), (-1, 0, 1), strict=True):
        assert start[0] < shift < end[0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "TSM",
        "attention",
        "integer",
    ]
    figure.savefig(tmp_path / "attention.png")
    assert (np.asarray(Image.open(tmp_path / "attention.png")) < 250).any(-1).mean() > 0.05


def test_histograms_of_every_axis(model, tmp_path):
    figure = shift_histogram_figure(shift_statistics(model))
    grid = np.reshape(figure.axes, (3, 3))
    shifts = {
        (0, 0): REAL,
        (0, 1): ATTENTION.argmax(axis=0) - 1,
        (0, 2): INTEGER,
        (1, 0): REAL / 2,
        (1, 1): -REAL,
        (2, 0): 0 * REAL,
        (2, 1): 3 * REAL,
    }
    for place, values in shifts.items():
        bars = grid[place].patches
        heights = [bar.get_height() for bar in bars]
        np.testing.assert_allclose(heights, histogram(values, edges(bars)), atol=1e-9)
        assert sum(heights) == pytest.approx(1)  # No shift is outside the bins.
        assert 0 in np.round([bar.get_x() + bar.get_width() / 2 for bar in bars], 9)
    titles = [[axes.get_title() for axes in row] for row in grid]
    assert titles == [["volume", "attention", "integer"], *[["volume", "space", ""]] * 2]
    assert [axes.axison for axes in grid[:, 2]] == [True, False, False]
    labels = [axes.get_xlabel() for axes in grid[:, 0]]
    assert labels == ["Time, frames", "Vertical, elements", "Horizontal, elements"]
    figure.savefig(tmp_path / "shifts.png")
    assert (np.asarray(Image.open(tmp_path / "shifts.png")) < 250).any(-1).mean() > 0.02


@pytest.mark.parametrize(
    ("columns", "names"), [(1, "a"), (2, "ag"), (3, "adg"), (4, "aceg"), (7, "abcdefg"), (20, None)]
)
def test_layers_of_different_depth(columns, names):
    inputs = x = keras.Input((4, 4, 2))
    for name in "abcdefg":
        x = RubiksShift2D(name=name)(x)
    figure = shift_histogram_figure(shift_statistics(keras.Model(inputs, x)), columns)
    titles = "".join(axes.get_title() for axes in figure.axes)
    assert titles == 2 * (names or "abcdefg")


def test_an_animation_has_a_picture_per_moment_with_the_same_axes(monkeypatch):
    def moment(shift):
        shifts = np.array([[shift, 0, 0, 0]] * 3, "float32")
        return [ShiftStatistics("layer", "RubiksShift3D", shifts)]

    drawn = []
    original = shift_figures.shift_histogram_figure

    def recorded(*arguments):
        drawn.append(original(*arguments))
        return drawn[-1]

    monkeypatch.setattr(shift_figures, "shift_histogram_figure", recorded)
    frames = shift_animation({"$first$": moment(0), "second": moment(3), "third": moment(3)})
    assert frames.shape[0] == 3 and frames.dtype == np.uint8
    assert (frames[0] != frames[1]).any()
    titles = [figure.get_suptitle() for figure in drawn]
    assert titles[0] == "$first$, 0% of the channels move in time"
    assert titles[1] == "second, 25% of the channels move in time"
    limits = {figure.axes[0].get_xlim() for figure in drawn}
    assert len(limits) == 1 and max(limits.pop()) > 3
    # The bars of the second moment are lower, and its axis is the same.
    assert len({figure.axes[0].get_ylim() for figure in drawn}) == 1
    assert drawn[0].axes[0].get_ylim()[1] >= 1
    with pytest.raises(ValueError, match="must have a moment"):
        shift_animation({})


def test_figure_errors(model):
    volume, attention, space, _ = shift_statistics(model)
    message = "must hold layers that shift in time only.*Received: RubiksShift2D, RubiksShift3D"
    with pytest.raises(ValueError, match=message):
        attention_figure([volume, space])
    with pytest.raises(ValueError, match="must have a layer.*Received: 0 layers"):
        shift_histogram_figure([])
    with pytest.raises(ValueError, match="an integer >= 1.*columns=0"):
        shift_histogram_figure([attention], columns=0)


def test_only_the_figures_need_matplotlib():
    program = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"  # As where it is not installed.
        "from gsf_tf import analysis\n"
        "assert callable(analysis.count_macs) and callable(analysis.shift_statistics)\n"
        "try:\n"
        "    analysis.attention_figure\n"
        "except ImportError as error:\n"
        "    assert 'matplotlib' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
