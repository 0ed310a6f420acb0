import keras
import numpy as np
import pytest

from gsf_tf.layers import RubiksShift2D, ShiftFolds, ShiftGroups


def test_nine_positions_in_turn_and_a_remainder():
    # As the authors' code; the two channels beyond the second round stay.
    channel = np.arange(9)
    vertical = [*(channel % 3 - 1)] * 2 + [0, 0]
    horizontal = [*(channel // 3 - 1)] * 2 + [0, 0]
    np.testing.assert_array_equal(ShiftGroups()((2, 20)), [vertical, horizontal])
    np.testing.assert_array_equal(ShiftGroups(order="rows")((2, 20)), [horizontal, vertical])


def test_a_wider_window():
    shift = np.asarray(ShiftGroups(kernel_size=5)((2, 27)))
    window = [(i, j) for j in range(-2, 3) for i in range(-2, 3)]
    assert [tuple(column) for column in shift.T] == [*window, (0, 0), (0, 0)]


def test_files_of_earlier_versions_have_the_order_by_rows():
    """Their configuration does not state it; layers in a model hold it the same way."""
    config = {"kernel_size": 3, "noise": 0.0, "seed": None}
    assert ShiftGroups.from_config(config).order == "rows"
    layer = RubiksShift2D(spatial="fixed").get_config()
    del layer["spatial_initializer"]["config"]["order"]
    old = RubiksShift2D.from_config(layer)
    old.build((None, 4, 4, 9))
    np.testing.assert_array_equal(old.shift[0], [-1, -1, -1, 0, 0, 0, 1, 1, 1])


def test_bad_order():
    with pytest.raises(ValueError, match="`order` must be 'columns' or 'rows'.*order='depth'"):
        ShiftGroups(order="depth")


def test_every_fold_in_time_moves_in_every_direction():
    channels = 9 * 8
    spatial, folds = np.asarray(ShiftGroups()((2, channels))), ShiftFolds()((1, channels))[0]
    for fold in (-1, 0, 1):
        assert len(np.unique(spatial[:, np.asarray(folds) == fold], axis=1).T) == 9


@pytest.mark.parametrize("channels, kernel_size", [(8, 3), (30, 1), (1, 3)])
def test_too_few_channels_or_a_window_of_one_element_do_not_move(channels, kernel_size):
    shift = ShiftGroups(kernel_size)((2, channels))
    np.testing.assert_array_equal(shift, np.zeros((2, channels)))


def test_two_folds():
    expected = [1, 1, -1, -1] + [0] * 14
    np.testing.assert_array_equal(ShiftFolds()((1, 18)), [expected])


@pytest.mark.parametrize(
    "fold_div, channels, expected",
    [(2, 4, [1, 1, -1, -1]), (3, 7, [1, 1, -1, -1, 0, 0, 0]), (8, 7, [0] * 7)],
)
def test_folds(fold_div, channels, expected):
    np.testing.assert_array_equal(ShiftFolds(fold_div)((1, channels)), [expected])


CASES = [(ShiftGroups, (2, 900)), (ShiftFolds, (1, 900))]


@pytest.mark.parametrize("initializer, shape", CASES)
def test_noise(initializer, shape):
    noise = np.asarray(initializer(noise=0.25, seed=3)(shape) - initializer()(shape))
    assert np.abs(noise).max() <= 0.25
    assert noise.min() < -0.24 and noise.max() > 0.24
    assert np.abs(noise.mean()) < 0.03


@pytest.mark.parametrize("initializer, shape", CASES)
def test_seeds(initializer, shape):
    def draw(seed):
        return np.asarray(initializer(noise=0.5, seed=seed)(shape))

    np.testing.assert_array_equal(draw(1), draw(1))
    assert np.any(draw(1) != draw(2))
    assert np.any(draw(None) != draw(None))


@pytest.mark.parametrize("initializer, shape", CASES)
def test_config(initializer, shape):
    orders = [{"order": "rows"}] if initializer is ShiftGroups else []
    for kwargs in ({}, {"noise": 0.1, "seed": 7}, *orders):
        first = initializer(**kwargs)
        again = keras.initializers.deserialize(keras.initializers.serialize(first))
        assert type(again) is initializer
        assert again.get_config() == first.get_config()
        np.testing.assert_array_equal(again(shape), first(shape))
        np.testing.assert_array_equal(first.clone()(shape), first(shape))


@pytest.mark.parametrize("initializer, shape", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_dtype(initializer, shape, dtype):
    assert initializer(noise=0.1)(shape, dtype).dtype == dtype


@pytest.mark.parametrize("kernel_size", [0, 2, -1])
def test_bad_kernel_size(kernel_size):
    message = f"`kernel_size` must be odd. Received: kernel_size={kernel_size}"
    with pytest.raises(ValueError, match=message):
        ShiftGroups(kernel_size)


@pytest.mark.parametrize("fold_div", [1, 0])
def test_bad_fold_div(fold_div):
    message = f"`fold_div` must be at least 2. Received: fold_div={fold_div}"
    with pytest.raises(ValueError, match=message):
        ShiftFolds(fold_div)
