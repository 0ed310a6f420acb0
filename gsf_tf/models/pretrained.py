"""Which source of ImageNet weights a backbone has, and how it is built with them."""

import contextlib

import keras

from gsf_tf.models.keras_download import keras_download
from gsf_tf.models.recipes import BACKBONES
from gsf_tf.weights.imagenet_sources import SOURCES

KERAS = "Keras"


def imagenet_source(backbone: str) -> str | None:
    """Returns where the ImageNet weights of a backbone come from.

    Args:
        backbone: Name of an entry of `BACKBONES`.

    Returns:
        `"Keras"` where `keras.applications` downloads them, the title of the entry of
        `gsf_tf.weights.imagenet_sources.SOURCES`, or None where no source is known.
    """
    if backbone in SOURCES:
        return SOURCES[backbone].title
    return KERAS if _is_of_keras(backbone) else None


def build_with_imagenet(backbone: str, input_shape: tuple[int, int, int]) -> keras.Model:
    """Builds a backbone with the ImageNet weights of its source.

    Args:
        backbone: Name of an entry of `BACKBONES`.
        input_shape: `(height, width, 3)` of a frame in pixels.

    Raises:
        ValueError: If no source has ImageNet weights of this backbone.
        UserError: If the source has them, but they cannot be had now.
    """
    if imagenet_source(backbone) is None:
        known = ", ".join(name for name in BACKBONES if imagenet_source(name))
        raise ValueError(
            f"`weights` may be 'imagenet' only for the backbones {known}. Received: "
            f"weights='imagenet' for {backbone!r}. Use None, or the path of a .pth file of "
            "torchvision or BN-Inception."
        )
    with keras_download(backbone) if _is_of_keras(backbone) else contextlib.nullcontext():
        return BACKBONES[backbone].build(input_shape=input_shape, weights="imagenet")


def _is_of_keras(backbone):
    return backbone in BACKBONES and BACKBONES[backbone].has_imagenet
