"""RubiksNet's presets, and what becomes of them: `inflate` and `harden`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import AttentionShift, IntegerShift, RubiksShift2D, RubiksShift3D
from gsf_tf.models import SegmentModel, from_preset, harden, inflate
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training import AttentionAnnealing
from tests.models.numpy_attention import numpy_attention
from tests.models.randomize import randomize

T, CLASSES = 3, 4
MINI, MINI_AQ = "rubiksnet_mini", "rubiksnet_mini_aq"


def small(preset, num_segments=T, **kwargs):
    return from_preset(preset, CLASSES, num_segments, input_shape=(32, 32, 3), **kwargs)


def clip(num_segments=T):
    shape = (2, num_segments, 32, 32, 3)
    return np.random.default_rng(1).integers(0, 256, shape, "uint8")


def filled(model, reach=2.5):
    """The model with weights that all show in its output, and shifts that reach far."""
    rng = np.random.default_rng(2)
    for layer in find_layers(model, RubiksShift2D):
        shift = rng.uniform(-reach, reach, layer.shift.shape)
        shift[:, :2] = [[0.5, -0.5]]
        layer.shift.assign(shift)
    randomize(model, clip(model.num_segments))
    return model


def snapshot(model):
    return [np.array(weight) for weight in model.weights]


def assert_shares_nothing(made, source):
    """Changing one model leaves the other as it was."""
    assert not {id(v) for v in made.variables} & {id(v) for v in source.variables}
    assert not {id(v) for v in made._flatten_layers()} & {id(v) for v in source._flatten_layers()}
    before, of_made = snapshot(source), snapshot(made)
    for weight in made.weights:
        weight.assign(np.ones(weight.shape))
    for old, weight in zip(before, source.weights, strict=True):
        np.testing.assert_array_equal(weight, old)
    for old, weight in zip(of_made, made.weights, strict=True):
        weight.assign(old)


def assert_same_layers(made, source, but=()):
    """Layers of both models have the same weights."""
    for layer in source.backbone.layers:
        if layer.weights and not isinstance(layer, but):
            taken = made.backbone.get_layer(layer.name).get_weights()
            for ours, theirs in zip(taken, layer.get_weights(), strict=True):
                np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def image_model():
    return filled(small(MINI, 1))


@pytest.fixture(scope="module")
def attention_model():
    """Its attention has clear margins: the taps of a channel are 0, 1 and 2, apart from noise."""
    model = filled(small(MINI_AQ, shift_budget=0.3))
    rng = np.random.default_rng(3)
    for layer in find_layers(model, AttentionShift):
        channels = layer.attention.shape[1]
        taps = rng.permuted([[0, 1, 2]] * channels, axis=1).T
        layer.attention.assign(taps + rng.uniform(0, 0.3, taps.shape))
    return model


@pytest.mark.parametrize(
    ("spatial", "temporal"),
    [("learned", "learned"), ("learned", "fixed"), ("fixed", "learned"), ("fixed", "fixed")],
)
def test_table_4(spatial, temporal):
    model = small(MINI, spatial_shift=spatial, temporal_shift=temporal)
    layers = find_layers(model, RubiksShift2D)
    for layer in layers:
        shift, channels = np.array(layer.shift), layer.shift.shape[1]
        if temporal == "fixed":
            fold = channels // 8  # TSM's
            assert sorted(shift[0]) == [-1] * fold + [0] * (channels - 2 * fold) + [1] * fold
        if spatial == "fixed":
            pairs, counts = np.unique(shift[1:], axis=1, return_counts=True)
            assert pairs.shape == (2, 9) and set(pairs.flat) == {-1, 0, 1}  # ShiftNet's 3 x 3
            assert sorted(counts)[:8] == [channels // 9] * 8
    trained = {id(variable) for variable in model.trainable_variables}
    learned = "learned" in (spatial, temporal)
    assert {id(layer.shift) in trained for layer in layers} == {learned}
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.ones(kernel.shape))
    shifts = [layer.shift.value for layer in layers]
    with tf.GradientTape() as tape:
        tape.watch(shifts)
        loss = tf.reduce_sum(model(clip()))
    for gradient in tape.gradient(loss, shifts, unconnected_gradients="zero"):
        moved = np.abs(gradient).max(axis=1) > 0
        expected = [temporal == "learned"] + 2 * [spatial == "learned"]
        np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("preset", [MINI, MINI_AQ])
def test_one_frame_has_spatial_shifts_only(preset):
    model = small(preset, 1)
    kinds = {type(layer) for layer in find_layers(model, (RubiksShift2D, AttentionShift))}
    assert kinds == {RubiksShift2D}
    assert model.input_shape == (None, 1, 32, 32, 3)


def test_presets_have_their_shifts():
    quantized = small(MINI, shift_mode="quantized")
    assert {layer.mode for layer in find_layers(quantized, RubiksShift3D)} == {"quantized"}
    plain, attention = small(MINI, shift_mode="interpolated"), small(MINI_AQ, spatial_shift="fixed")
    assert {layer.mode for layer in find_layers(plain, RubiksShift3D)} == {"interpolated"}
    shifts = find_layers(attention, RubiksShift2D)
    assert {(type(layer), layer.spatial) for layer in shifts} == {(RubiksShift2D, "fixed")}
    assert len(find_layers(attention, AttentionShift)) == len(shifts)
    assert attention.shift_budget is None and attention.losses == []


@pytest.mark.parametrize(
    ("preset", "arguments", "message"),
    [
        (MINI_AQ, {"shift_mode": "quantized"}, "belong to the presets without `_aq`.*'quantized'"),
        (MINI_AQ, {"temporal_shift": "fixed"}, "belong to the presets without `_aq`.*'fixed'"),
        (MINI, {"shift_budget": 0.25}, r"belongs to the `rubiksnet_\*_aq` presets.*=0.25"),
        (MINI, {"shift_mode": "attention"}, "`shift_mode` must be one of.*='attention'"),
        (MINI, {"spatial_shift": "free"}, "`spatial` must be one of learned, fixed.*'free'"),
        (MINI, {"temporal_shift": "free"}, "`temporal` must be one of learned, fixed.*'free'"),
        (MINI_AQ, {"shift_budget": 1.5}, r"must be in \[0, 1\]. Received: shift_budget=1.5"),
        (MINI_AQ, {"shift_budget": -0.1}, r"must be in \[0, 1\]. Received: shift_budget=-0.1"),
        (MINI_AQ, {"shift_budget": 0.3, "num_segments": 1}, "with more than one frame.*none"),
        (MINI, {"last_blocks": 2}, r"`last_blocks` belongs to.*'rubiksnet_mini'"),
        ("tsm_resnet14thin", {"shift_mode": "quantized"}, r"`shift_mode` belongs to the rubiks"),
        ("tsm_resnet14thin", {"shift_budget": 0.0}, r"`shift_budget` belongs to the rubiksnet_\*"),
    ],
)
def test_arguments_belong_to_presets(preset, arguments, message):
    with pytest.raises(ValueError, match=message):
        small(preset, **arguments)


def test_image_model_trains():
    model = small(MINI, 1)
    shift = find_layers(model, RubiksShift2D)[0].shift
    before = np.array(shift)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(clip(1), np.array([0, 3]), batch_size=2, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2 and np.isfinite(history.history["loss"]).all()
    assert not np.array_equal(shift, before)


def test_inflated_without_temporal_shifts_sees_what_the_image_model_sees(image_model):
    images = clip(1)
    model = inflate(image_model, T, temporal_initializer="zeros")
    clips = np.repeat(images, T, axis=1)
    np.testing.assert_allclose(model(clips), image_model(images), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        model(clip())[:1], image_model_mean(image_model)[:1], rtol=1e-4, atol=1e-5
    )


def image_model_mean(image_model):
    """Mean of the image model's logits over the frames of `clip()`."""
    return np.mean([image_model(clip()[:, t : t + 1]) for t in range(T)], axis=0)


def test_inflate_takes_the_weights_over(image_model):
    model = inflate(image_model, T)
    assert isinstance(model, SegmentModel) and model.input_shape == (None, T, 32, 32, 3)
    assert_same_layers(model, image_model, but=RubiksShift2D)
    for layer in find_layers(image_model, RubiksShift2D):
        inflated = model.backbone.get_layer(layer.name)
        assert type(inflated) is RubiksShift3D and inflated.num_segments == T
        assert inflated.strides == layer.strides
        np.testing.assert_array_equal(inflated.shift[1:], layer.shift)
        np.testing.assert_array_equal(inflated.shift[0], tsm_folds(layer.shift.shape[1]))
    for ours, theirs in zip(
        model.get_layer("classifier").get_weights(),
        image_model.get_layer("classifier").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert_shares_nothing(model, image_model)


def tsm_folds(channels):
    fold = channels // 8
    return [1.0] * fold + [-1.0] * fold + [0.0] * (channels - 2 * fold)


@pytest.mark.parametrize(
    ("start", "around", "reach"),
    [("noisy_folds", tsm_folds, 0.1), ("uniform", lambda channels: [0.0] * channels, 1)],
)
def test_where_inflated_shifts_begin_is_an_option(image_model, start, around, reach):
    drawn = []
    for layer in find_layers(inflate(image_model, T, temporal_initializer=start), RubiksShift3D):
        time = np.array(layer.shift[0])
        distance = np.abs(time - around(len(time)))
        assert reach / 2 < distance.max() <= reach
        drawn.append(tuple(time[:8] - around(len(time))[:8]))
    assert len(set(drawn)) == len(drawn)  # Every layer has draws of its own.


def test_inflate_keeps_how_space_is_shifted():
    image_model = small(MINI, 1, shift_mode="quantized", spatial_shift="fixed", dropout=0.3)
    model = inflate(image_model, T, temporal="fixed", num_classes=7, dropout=0.1)
    layers = find_layers(model, RubiksShift3D)
    assert {(x.mode, x.spatial, x.temporal) for x in layers} == {("quantized", "fixed", "fixed")}
    assert model.output_shape == (None, 7) and (model.num_classes, model.dropout) == (7, 0.1)
    assert (image_model.num_classes, image_model.dropout) == (CLASSES, 0.3)


def test_inflate_with_attention(image_model):
    model = inflate(image_model, T, attention=True, shift_budget=0.25)
    assert_same_layers(model, image_model)
    attention = find_layers(model, AttentionShift)
    names = [layer.name for layer in find_layers(small(MINI_AQ), AttentionShift)]
    assert [layer.name for layer in attention] == names
    assert model.shift_budget == 0.25 and len(model.losses) == 1
    for layer in attention:
        layer.attention.assign(np.repeat([[0], [1], [0]], layer.attention.shape[1], axis=1))
        layer.temperature.assign(1e-3)
    np.testing.assert_allclose(model(clip()), image_model_mean(image_model), rtol=1e-4, atol=1e-5)
    assert_shares_nothing(model, image_model)


def test_inflate_keeps_the_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        image_model = small(MINI, 1)
    finally:
        keras.config.set_dtype_policy("float32")
    for attention in (False, True):
        model = inflate(image_model, T, attention=attention)
        policies = {layer.dtype_policy.name for layer in model.backbone.layers if layer.weights}
        assert policies == {"mixed_bfloat16"}


def test_inflate_errors(image_model):
    message = "must have `RubiksShift2D` layers and no temporal ones.*Received: '{}'"
    for preset in (MINI, MINI_AQ, "tsn_resnet14thin"):
        with pytest.raises(ValueError, match=message.format(preset)):
            inflate(small(preset), T)
    with pytest.raises(
        ValueError, match="options are `shift_budget` and `dropout`. Received: temporal"
    ):
        inflate(image_model, T, attention=True, temporal="fixed")
    with pytest.raises(ValueError, match="A shift budget belongs to a model with"):
        inflate(image_model, T, shift_budget=0.25)
    with pytest.raises(ValueError, match="`num_segments` must be.*num_segments=0"):
        inflate(image_model, 0)
    with pytest.raises(ValueError, match="`num_classes` must be.*Received: num_classes=0"):
        inflate(image_model, T, num_classes=0)


def test_annealed_attention_hardens_to_equal_outputs(attention_model):
    annealing = AttentionAnnealing(total_steps=10)
    annealing.apply(attention_model, 10)
    annealed, hardened = attention_model(clip()), harden(attention_model)
    assert hardened.largest_error < 1e-6
    np.testing.assert_allclose(hardened.model(clip()), annealed, rtol=1e-4, atol=1e-5)
    annealing.apply(attention_model, 0)
    warm = np.array(attention_model(clip()))
    assert np.abs(warm - annealed).max() > 0.01 * np.abs(annealed).max()
    again = harden(attention_model)
    np.testing.assert_array_equal(again.model(clip()), hardened.model(clip()))
    assert again.nonzero_shares == hardened.nonzero_shares
    errors = []
    for layer in find_layers(attention_model, AttentionShift):
        errors.append(np.max(1 - numpy_attention(layer.attention, 2.0).max(axis=0)))
    assert again.largest_error == pytest.approx(max(errors), rel=1e-4)


def test_harden_reports_the_shares(attention_model):
    hardened = harden(attention_model)
    shares = {
        layer.name: np.mean(np.array(layer.attention).argmax(axis=0) != 1)
        for layer in find_layers(attention_model, AttentionShift)
    }
    assert hardened.nonzero_shares == shares
    assert hardened.nonzero_share == pytest.approx(np.mean(list(shares.values())))
    assert hardened.budget == 0.3


def test_hardened_model_stands_alone(attention_model, tmp_path):
    model = harden(attention_model).model
    assert not find_layers(model, AttentionShift)
    integers = find_layers(model, IntegerShift)
    assert [layer.name for layer in integers] == [
        layer.name for layer in find_layers(attention_model, AttentionShift)
    ]
    assert model.shift_budget is None and model.losses == []
    assert_same_layers(model, attention_model, but=AttentionShift)
    assert_shares_nothing(model, attention_model)
    model.save(tmp_path / "hardened.keras")
    loaded = keras.models.load_model(tmp_path / "hardened.keras")
    np.testing.assert_array_equal(loaded(clip()), model(clip()))
    with pytest.raises(ValueError, match="must have learned attention or quantized shifts"):
        harden(loaded)


@pytest.mark.parametrize("num_segments", [1, T])
def test_quantized_shifts_harden_to_exactly_equal_outputs(num_segments, tmp_path):
    model = filled(small(MINI, num_segments, shift_mode="quantized"))
    hardened = harden(model)
    assert (hardened.nonzero_shares, hardened.nonzero_share, hardened.budget) == ({}, None, None)
    assert hardened.largest_error == 0
    expected = np.array(model(clip(num_segments)))
    np.testing.assert_array_equal(hardened.model(clip(num_segments)), expected)
    assert_same_layers(hardened.model, model, but=RubiksShift2D)
    trained = {id(variable) for variable in hardened.model.trainable_variables}
    for layer in find_layers(hardened.model, RubiksShift2D):
        learned = np.array(model.backbone.get_layer(layer.name).shift)
        np.testing.assert_array_equal(layer.shift, np.floor(learned + 0.5))
        assert id(layer.shift) not in trained
    assert_shares_nothing(hardened.model, model)
    hardened.model.save(tmp_path / "hardened.keras")
    loaded = keras.models.load_model(tmp_path / "hardened.keras")
    np.testing.assert_array_equal(loaded(clip(num_segments)), expected)
    assert len(loaded.trainable_variables) == len(trained)


def test_interpolated_shifts_do_not_harden():
    message = "must have learned attention or quantized shifts.*Received: 'rubiksnet_mini'"
    with pytest.raises(ValueError, match=message):
        harden(small(MINI))


def test_heuristic_shifts_begin_near_those_of_shiftnet_and_tsm():
    heuristic = small(MINI, shift_initializer="heuristic")
    fixed = small(MINI, spatial_shift="fixed", temporal_shift="fixed")
    for ours, integers in zip(
        find_layers(heuristic, RubiksShift3D), find_layers(fixed, RubiksShift3D), strict=True
    ):
        noise = np.abs(np.array(ours.shift) - np.array(integers.shift))
        assert 0 < noise.max() <= 0.1
    assert len(heuristic.trainable_variables) > len(fixed.trainable_variables)


@pytest.mark.parametrize("weights", ["imagenet", "rubiksnet.pth"])
def test_weights_must_be_of_keras(weights):
    with pytest.raises(ValueError, match="must be None or the path of a .keras or .weights.h5"):
        small(MINI, weights=weights)


def test_shift_initializer_must_be_known():
    with pytest.raises(ValueError, match="uniform, heuristic. Received: shift_initializer=.zeros."):
        small(MINI, shift_initializer="zeros")


def test_a_rebuilt_model_keeps_what_is_frozen():
    model = small(MINI_AQ)
    model.backbone.get_layer("conv1").trainable = False
    hardened = harden(model).model
    assert not hardened.backbone.get_layer("conv1").trainable
    assert hardened.backbone.get_layer("layer1_0_conv3").trainable
    model.trainable = False
    assert not harden(model).model.trainable_variables
