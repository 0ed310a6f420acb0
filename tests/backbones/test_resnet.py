import keras
import numpy as np
import pytest

from gsf_tf import backbones
from tests import exhaustive
from tests.backbones.parameter_count import trainable_parameters


@pytest.mark.parametrize(
    ("build", "sizes"),
    exhaustive.cases(
        [
            (backbones.ResNet18, [(64, 96), (75, 90)]),
            (backbones.ResNet34, [(64, 96), (33, 64)]),
            (backbones.ResNet50, [(64, 96), (75, 90)]),
            (backbones.ResNet101, [(64, 96), (96, 64)]),
        ],
        # The other kind of block is in the twins of tests/weights every time.
        lambda case: case[0] is backbones.ResNet18,
    ),
)
def test_equals_the_twin(run_twin_test, build, sizes):
    run_twin_test(build, build.__name__.lower(), sizes)


@pytest.mark.parametrize(
    ("build", "classes", "expected"),
    exhaustive.cases(
        [
            # GSF paper, Table 8: TSN-ResNet-50, 23.8646 M with 174 classes. ResNet-101: 43.0937 M
            # with GSF, less 29 C + 40 for each module on C channels.
            (backbones.ResNet50, 174, 23_864_558),
            (
                backbones.ResNet101,
                174,
                43_093_718
                - sum(n * (29 * c + 40) for n, c in [(3, 64), (4, 128), (23, 256), (3, 512)]),
            ),
            # torchvision's documentation.
            (backbones.ResNet18, 1000, 11_689_512),
            (backbones.ResNet34, 1000, 21_797_672),
            (backbones.ResNet50, 1000, 25_557_032),
            (backbones.ResNet101, 1000, 44_549_160),
        ],
        lambda case: case[:2] in [(backbones.ResNet50, 174), (backbones.ResNet18, 1000)],
    ),
)
def test_parameters(build, classes, expected):
    assert trainable_parameters(build(classes=classes)) == expected


@pytest.mark.parametrize(
    ("block", "convolution"), [("bottleneck", "layer4_0_conv3"), ("basic", "layer4_0_conv2")]
)
def test_small_networks(block, convolution):
    model = backbones.ResNet((1, 1, 1, 1), 16, block, include_top=False, input_shape=(64, 48, 3))
    channels = 512 if block == "bottleneck" else 128
    assert model.output_shape == (None, 2, 2, channels)
    assert model.get_layer(convolution).filters == channels
    assert model.get_layer("layer2_0_conv1").strides == ((1, 1) if channels == 512 else (2, 2))


@pytest.mark.parametrize(("pooling", "reduce"), [("avg", np.mean), ("max", np.max)])
def test_pooling(pooling, reduce):
    images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype("float32")
    maps = backbones.ResNet((1, 1), 8, include_top=False)
    pooled = backbones.ResNet((1, 1), 8, include_top=False, pooling=pooling)
    pooled.set_weights(maps.get_weights())
    expected = reduce(np.asarray(maps(images)), axis=(1, 2))
    np.testing.assert_allclose(pooled(images), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_weights_that_keras_saved(tmp_path, suffix):
    model = backbones.ResNet((1, 1), 8, classes=3)
    path = tmp_path / f"model{suffix}"
    model.save_weights(path) if suffix == ".weights.h5" else model.save(path)
    again = backbones.ResNet((1, 1), 8, classes=3, weights=path)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_round_trip(tmp_path):
    model = backbones.ResNet((1, 1), 8, classes=3)
    model.save(tmp_path / "model.keras")
    images = np.ones((1, 40, 40, 3), "float32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "imagenet"}, "with a source of ImageNet weights.*path of a .pth"),
        ({"include_top": False, "pooling": "mean"}, "`pooling` must be.*'mean'"),
        ({"pooling": "avg"}, "`pooling` must be None.*include_top=True, pooling=.avg"),
        ({"block": "wide"}, "`block` must be.*'wide'"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        backbones.ResNet((1, 1, 1, 1), 16, **arguments)
