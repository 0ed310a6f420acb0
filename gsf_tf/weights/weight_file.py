import dataclasses
import pathlib

from gsf_tf.errors import CheckpointError
from gsf_tf.files.published_file import PublishedFile


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """A published file of weights, which is downloaded when it is needed for the first time.

    The file is kept as it is in the folder `gsf_tf` of Keras' cache (`$KERAS_HOME`, by default
    `~/.keras`), and `keras.utils.get_file` downloads it, so that proxies are respected
    (`https_proxy`). Its SHA-256 is compared at every use. It is read by `read_torch_file`, which
    runs nothing that is in it; so its owner need not be trusted.

    Args:
        url: Address of the file. The last part is the name of the file in the cache.
        sha256: SHA-256 of the file, in hexadecimal digits, or its first eight or more digits, as in
            the names of PyTorch's files.
        license: Under which license it is published.
        title: What a table says of the source, in Markdown.

    Raises:
        ValueError: If `sha256` is not 8 to 64 lowercase hexadecimal digits.

    Example:

    ```python
    file = gsf_tf.weights.WeightFile(
        "https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
        sha256="11ad3fa6",
        license="BSD-3-Clause",
        title="torchvision, IMAGENET1K_V2",
    )
    print(file.cached)  # ~/.keras/gsf_tf/resnet50-11ad3fa6.pth; file.path() downloads it
    ```
    """

    url: str
    sha256: str
    license: str
    title: str

    def __post_init__(self):
        if not 8 <= len(self.sha256) <= 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(
                "`sha256` must be 8 to 64 lowercase hexadecimal digits. Received: "
                f"sha256={self.sha256!r}"
            )

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]

    @property
    def cached(self) -> pathlib.Path:
        """Where the file is kept, whether it is there or not."""
        return self._file.cached

    def path(self) -> pathlib.Path:
        """Returns the path of the file, which is downloaded if the cache does not have it.

        A download that breaks off leaves nothing behind; the next call starts it again.

        Raises:
            UserError: If the file can be neither found nor downloaded, or the cache cannot be
                written. The message says where to put a file that was downloaded by hand.
            CheckpointError: If the file that was downloaded is not the one that was published.
        """
        return self._file.path()

    @property
    def _file(self):
        return PublishedFile(self.url, self.name, self.sha256, other_content=CheckpointError)
