"""EfficientNet-Lite0: against a PyTorch twin, and on real photographs that packages ship."""

import importlib.util
import pathlib

import keras
import numpy as np
import pytest
from PIL import Image

from gsf_tf import backbones
from gsf_tf.models import from_preset
from gsf_tf.weights import read_torch_file
from gsf_tf.weights.imagenet_sources import imagenet_file
from tests.backbones.parameter_count import trainable_parameters

SIZE = 224
# Classes of ImageNet: tabby, tiger cat, Egyptian cat.
CATS = (281, 282, 285)
PHOTOGRAPHS = [
    ("sklearn", "datasets/images/flower.jpg", (985,)),  # daisy
    ("sklearn", "datasets/images/china.jpg", (698,)),  # palace
    ("skimage", "data/chelsea.png", CATS),
    ("skimage", "data/coffee.png", (967,)),  # espresso
    ("skimage", "data/camera.png", (872,)),  # tripod
    ("skimage", "data/rocket.jpg", (657, 744)),  # missile, projectile
    ("skimage", "data/motorcycle_left.png", (665, 670)),  # moped, motor scooter
]


@pytest.fixture(scope="module")
def network():
    return backbones.EfficientNetLite0(weights="imagenet")


@pytest.fixture(scope="module")
def twin():
    """The PyTorch network as a function of NumPy images."""
    torch = pytest.importorskip("torch", reason="The twin is a PyTorch network.")
    from tests.torch_twins.efficientnet_lite import load_published

    module = load_published(imagenet_file("efficientnetlite0"))

    def logits(images):
        with torch.no_grad():
            return module(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()

    return logits


def photograph(package, name):
    """The middle 7/8 of a photograph, as in the evaluation of the weights."""
    folder = pathlib.Path(importlib.util.find_spec(package).origin).parent
    with Image.open(folder / name) as image:
        width, height = image.size
        side = min(width, height) * 0.875
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.BICUBIC, box))


def normalized(image):
    return ((image.astype("float32") - 127) / 128)[np.newaxis]


def test_parameters(network):
    # 4.7 million in the announcement; the exact number is the twin's.
    assert trainable_parameters(network) == 4_652_008
    features = backbones.EfficientNetLite0(include_top=False, input_shape=(96, 64, 3))
    assert features.output_shape == (None, 3, 2, 1280)


@pytest.mark.parametrize("size", [(64, 96), (75, 90)])
def test_equals_the_twin_with_the_published_weights(network, twin, size):
    """With odd maps too, whose padding depends on their size: the network is built for it then."""
    ours = network
    if size[0] % 32:
        ours = backbones.EfficientNetLite0(input_shape=(*size, 3))
        ours.set_weights(network.get_weights())
    images = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    np.testing.assert_allclose(ours(images), twin(images), rtol=0, atol=1e-4)


def test_the_reader_honors_the_strides_of_the_file():
    torch = pytest.importorskip("torch", reason="PyTorch reads the same file.")
    path = imagenet_file("efficientnetlite0")
    theirs = torch.load(path, weights_only=True)
    ours = read_torch_file(path)
    assert not theirs["_conv_stem.weight"].is_contiguous()
    assert list(ours) == list(theirs)
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name].numpy(), tensor.numpy())


@pytest.mark.parametrize(("package", "name", "classes"), PHOTOGRAPHS)
def test_photographs_are_classified_right(network, package, name, classes):
    logits = np.asarray(network(normalized(photograph(package, name))))[0]
    assert logits.argmax() in classes


def test_a_preset_takes_pixels(network):
    """Its features give the same logits as the network on normalized pixels."""
    image = photograph("skimage", "data/coffee.png")
    model = from_preset("tsn_efficientnetlite0", 3, 1, weights="imagenet")
    features = keras.Model(model.input, model.get_layer("avgpool").output)(image[None, None])
    kernel, bias = network.get_layer("fc").get_weights()
    np.testing.assert_allclose(
        np.asarray(features) @ kernel + bias, network(normalized(image)), rtol=0, atol=1e-4
    )
